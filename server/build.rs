//! The page is embedded: a new bundle makes a new program.

fn main() {
    // Not `target/web`: there cargo keeps what it builds for the profile of that name.
    let page = "../target/page";
    // Cargo takes a missing path for a changed one and would build anew every time.
    if let Err(error) = std::fs::create_dir_all(page) {
        println!("cargo::warning={page} cannot be made: {error}");
    }
    println!("cargo::rerun-if-changed={page}");
}
