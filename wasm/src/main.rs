//! The page of lianxiao: the replica in a browser tab and the app that people see.

mod app;
mod host;
mod planning;

fn main() {
    console_error_panic_hook::set_once();
    app::start();
}
