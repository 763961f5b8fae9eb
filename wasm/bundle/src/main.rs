//! `bundle WASM OUT`: makes the files a node serves. Bindings by `wasm-bindgen`, names that carry a hash
//! of the contents, everything text-like a second time as Brotli.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use wasm_bindgen_cli_support::Bindgen;

/// 11 would save 3 % more and take ten times as long.
const BROTLI_QUALITY: u32 = 9;
const BROTLI_WINDOW: u32 = 22;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(wasm), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bundle WASM OUT".into());
    };
    let files = Files::make(&wasm)?;
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    std::fs::create_dir_all(&out)?;
    for (name, bytes) in &files.0 {
        std::fs::write(out.join(name), bytes)?;
        let compressed = brotli(bytes)?;
        std::fs::write(out.join(format!("{name}.br")), &compressed)?;
        println!("{name}: {} bytes, {} compressed", bytes.len(), compressed.len());
    }
    Ok(())
}

/// The finished files by name.
#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn make(wasm: &Path) -> Result<Self, Box<dyn Error>> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../static");
        let source = |name: &str| std::fs::read_to_string(sources.join(name));
        let mut files = Self::default();
        let bound = tempfile::tempdir()?;
        Bindgen::new().input_path(wasm).out_name("lianxiao").web(true)?.typescript(false).generate(&bound)?;
        if bound.path().join("snippets").exists() {
            return Err(
                "a dependency brings JavaScript of its own; the bundle has no place for it yet".into()
            );
        }
        let program = files.hashed("lianxiao.wasm", std::fs::read(bound.path().join("lianxiao_bg.wasm"))?);
        let bindings = files.hashed("lianxiao.js", std::fs::read(bound.path().join("lianxiao.js"))?);
        let style = files.hashed("app.css", source("app.css")?.into());
        let boot = source("boot.js")?.replace("{{lianxiao.js}}", &bindings);
        let boot = files.hashed("boot.js", boot.replace("{{lianxiao.wasm}}", &program).into());
        let document = source("index.html")?.replace("{{app.css}}", &style).replace("{{boot.js}}", &boot);
        files.0.insert("index.html".into(), document.into());
        for name in ["manifest.webmanifest", "icon.svg"] {
            files.0.insert(name.into(), source(name)?.into());
        }
        let worker = files.service_worker(&source("sw.js")?);
        files.0.insert("sw.js".into(), worker.into());
        Ok(files)
    }

    /// Adds a file under a name that changes with its contents.
    fn hashed(&mut self, name: &str, bytes: Vec<u8>) -> String {
        let (stem, ending) = name.split_once('.').expect("the file's name has an ending");
        let name = format!("{stem}-{}.{ending}", &hex::encode(Sha256::digest(&bytes))[..16]);
        self.0.insert(name.clone(), bytes);
        name
    }

    /// The service worker of this release: it knows all other files by name.
    fn service_worker(&self, source: &str) -> String {
        let mut release = Sha256::new();
        for (name, bytes) in &self.0 {
            release.update(name);
            release.update(bytes);
        }
        let kept = self.0.keys().filter(|name| *name != "index.html").map(|name| format!("\"/{name}\""));
        let kept: Vec<String> = std::iter::once("\"/\"".to_owned()).chain(kept).collect();
        source
            .replace("{{release}}", &hex::encode(release.finalize())[..16])
            .replace("{{files}}", &format!("[{}]", kept.join(", ")))
    }
}

fn brotli(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 64 * 1024, BROTLI_QUALITY, BROTLI_WINDOW);
    writer.write_all(bytes)?;
    writer.flush()?;
    Ok(writer.into_inner())
}
