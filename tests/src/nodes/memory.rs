//! How much memory a node's process took.

use std::path::Path;

/// The most memory that the node over this folder held at a time since it was started, in MB, as Linux
/// counts it (`VmHWM`); 0 elsewhere.
pub fn peak_memory_mb(folder: &Path) -> u64 {
    let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
    let folder = folder.as_os_str().as_encoded_bytes();
    let is_over_it = |process: &Path| {
        let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == folder)
    };
    let process = processes.flatten().map(|entry| entry.path()).find(|process| is_over_it(process));
    let status = process.and_then(|process| std::fs::read_to_string(process.join("status")).ok());
    let kilobytes = status.as_deref().unwrap_or_default().lines().find_map(|line| {
        let count = line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?;
        count.parse::<u64>().ok()
    });
    kilobytes.unwrap_or_default() / 1024
}
