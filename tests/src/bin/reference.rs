//! Writes `docs/events.md` from the registry of kinds.

fn main() -> std::io::Result<()> {
    std::fs::write(tests::reference::path(), tests::reference::page())
}
