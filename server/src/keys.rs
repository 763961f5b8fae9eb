//! Secret keys and the API token: files beside the store, never in it.

use client_core::identity::SecretKey;
use std::io::{self, Write};
use std::path::Path;

/// Reads a key file, or makes the key on first start.
pub fn load_or_create(path: &Path) -> io::Result<SecretKey> {
    let bytes = load_or_create_bytes(path)?;
    Ok(SecretKey::from_random(bytes))
}

/// Reads the API token, or makes it on first start. It opens the node's API to whoever can read the file.
pub fn load_or_create_token(path: &Path) -> io::Result<String> {
    load_or_create_bytes(path).map(hex::encode)
}

/// 32 bytes of the system's randomness.
pub fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// 16 bytes of the system's randomness.
pub fn random_id() -> [u8; 16] {
    random_bytes()[..16].try_into().expect("16 of 32 bytes")
}

fn load_or_create_bytes(path: &Path) -> io::Result<[u8; 32]> {
    let damaged = || io::Error::other(format!("{} is damaged: restore it from its copy", path.display()));
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let mut bytes = [0; 32];
            hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| damaged())?;
            Ok(bytes)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let bytes = random_bytes();
            write_private(path, hex::encode(bytes).as_bytes())?;
            Ok(bytes)
        }
        Err(error) => Err(error),
    }
}

/// Writes a file that only its owner can read; whole or not at all.
pub fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}
