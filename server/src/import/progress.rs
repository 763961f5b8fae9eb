//! The progress bar of long work, on stderr.

use indicatif::{ProgressBar, ProgressStyle};

/// An empty bar.
pub fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("the template is valid");
    ProgressBar::new(0).with_style(style)
}

/// Shows how much of a file, or how many files, are done.
pub fn show(bar: &ProgressBar, file: &str, done: u64, total: u64) {
    bar.set_length(total);
    bar.set_position(done);
    bar.set_message(file.to_owned());
}
