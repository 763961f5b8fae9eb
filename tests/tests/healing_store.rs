//! Stores that are shared, torn, broken or full: told clearly, and nothing acknowledged is lost.

use lianxiao::store::Store;
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::{CITY, Postgres, Town, given_or_skipped, node_program, skipped};

const ONE: &str = "新埭镇";

async fn record_all(town: &Town, at: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let mut done = Vec::new();
    for name in names {
        town.record(at, &name).await.unwrap();
        done.push(name);
    }
    done
}

async fn all_know(town: &Town, names: &[String]) {
    for node in [CITY, ONE] {
        let known = town.known(node).await;
        let lost: Vec<&String> = names.iter().filter(|name| !known.contains(*name)).collect();
        assert!(lost.is_empty(), "lost at {node}: {lost:?}");
    }
}

/// Starts a second city over a store that is in use; gives back what it said.
fn second_city(data: &Path, database: &str) -> String {
    let mut second = Command::new(node_program());
    second.arg("city").arg("--data").arg(data).args(["--listen", "127.0.0.1:0", "--database", database]);
    let output = second.output().expect("the program starts");
    assert!(!output.status.success(), "two processes share a store");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_store_is_refused_and_the_first_goes_on() {
    let mut databases = vec![None];
    let bin = given_or_skipped(
        "LIANXIAO_POSTGRES",
        "a_second_process_on_one_store_is_refused_and_the_first_goes_on",
    );
    let postgres = bin.map(|bin| Postgres::start(&bin));
    databases.extend(postgres.as_ref().map(|postgres| Some(postgres.url())));
    for database in databases {
        let arguments: Vec<&str> = database.iter().flat_map(|url| ["--database", url.as_str()]).collect();
        let town = Town::start(&[ONE], &arguments).await;
        let file = format!("sqlite://{}", town.folder(CITY).join("lianxiao.db").display());
        let data = town.folder(CITY);
        let said = second_city(&data, database.as_deref().unwrap_or(&file));
        assert!(said.contains("another node has") && said.contains("stop it first"), "{said}");
        town.record(ONE, "甲").await.unwrap();
        town.converge().await;
        assert!(!town.journal(CITY).await.contains("store_put_back"), "the second one left no mark");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_end_of_the_store_is_left_out_and_supplied_again() {
    let mut town = Town::start(&[ONE], &[]).await;
    let names = record_all(&town, ONE, (0..20).map(|n| format!("示例{n}"))).await;
    town.converge().await;
    for tear in ["cut", "garbage"] {
        town.kill(ONE).await;
        let log = town.folder(ONE).join("lianxiao.db-wal");
        let length = std::fs::metadata(&log).expect("a write-ahead log").len();
        let mut file = OpenOptions::new().write(true).open(&log).expect("the log");
        if tear == "cut" {
            file.set_len(length - 9_000).expect("cut");
        } else {
            file.seek(SeekFrom::Start(length - 9_000)).expect("a place");
            file.write_all(&[0x5a; 9_000]).expect("written over");
        }
        town.start_again(ONE).await;
        town.record(ONE, &format!("{tear}后")).await.unwrap();
        town.converge().await;
        all_know(&town, &names).await;
        all_know(&town, &[format!("{tear}后")]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_store_is_told_clearly_and_an_empty_one_in_its_place_is_filled() {
    let mut town = Town::start(&[ONE], &[]).await;
    let names = record_all(&town, ONE, (0..20).map(|n| format!("示例{n}"))).await;
    town.converge().await;
    town.kill(ONE).await;
    let database = town.folder(ONE).join("lianxiao.db");
    checkpoint(&database).await;
    let length = std::fs::metadata(&database).expect("a store").len();
    for (from, bytes) in [(0, 4_096), (4_096, length as usize - 4_096)] {
        let whole = std::fs::read(&database).expect("a store");
        let mut file = OpenOptions::new().write(true).open(&database).expect("the store");
        file.seek(SeekFrom::Start(from)).expect("a place");
        file.write_all(&vec![0x5a; bytes]).expect("written over");
        let said = town.fails_to_start(ONE).await;
        assert!(said.contains("the store is damaged") && said.contains("start again"), "{said}");
        std::fs::write(&database, whole).expect("put back");
    }
    std::fs::write(&database, [0x5a; 8_192]).expect("broken for good");
    town.fails_to_start(ONE).await;
    // As the message says: move it away and start again.
    for file in ["lianxiao.db", "lianxiao.db-wal", "lianxiao.db-shm"] {
        let path = town.folder(ONE).join(file);
        if path.exists() {
            std::fs::rename(&path, path.with_extension("broken")).expect("moved away");
        }
    }
    town.start_again(ONE).await;
    town.converge().await;
    all_know(&town, &names).await;
    town.record(ONE, "后").await.unwrap();
    town.converge().await;
    all_know(&town, &["后".to_owned()]).await;
    assert!(town.journal(ONE).await.contains("store_put_back"));
}

/// Moves all of the write-ahead log into the main file.
async fn checkpoint(database: &Path) {
    let store = Store::open(&format!("sqlite://{}", database.display())).await.expect("the store");
    store.close().await;
}

/// A small file system of its own, gone when it is dropped.
struct SmallDisk {
    folder: PathBuf,
    _home: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount(megabytes: usize) -> Option<Self> {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("disk");
        std::fs::create_dir(&folder).expect("a folder");
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&folder).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { folder, _home: home })
    }

    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.folder.join("ballast")).expect("a file");
        for size in [65_536, 4_096, 512, 1] {
            while ballast.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.folder.join("ballast")).expect("the ballast");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whatever is left goes with the machine.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).output();
    }
}

/// Fills the disk of a node while both work, then makes room.
async fn full_disk_at(full: &str, disk: &SmallDisk) {
    let mut town = Town::start(&[ONE], &[]).await;
    let mut names = record_all(&town, ONE, (0..5).map(|n| format!("示例{n}"))).await;
    town.converge().await;
    town.kill(full).await;
    town.move_folder(full, &disk.folder.join("data"));
    town.start_again(full).await;
    town.converge().await;
    disk.fill();
    let mut refused = None;
    for n in 0..2_000 {
        let name = format!("{full}满{n}");
        match town.record(full, &name).await {
            Ok(_) => names.push(name),
            Err(error) => {
                refused = Some(error.to_string());
                break;
            }
        }
    }
    let refused = refused.expect("a full disk takes nothing");
    assert!(refused.contains("disk_full") && refused.contains("make room"), "{refused}");
    let other = if full == CITY { ONE } else { CITY };
    town.record(other, "另一处").await.unwrap();
    names.push("另一处".into());
    if other == ONE {
        assert_ne!(town.status(ONE).await["not_at_city"], 0, "nothing is called safe that is not");
    }
    assert!(town.journal(full).await.contains("disk_full"));
    disk.make_room();
    town.record(full, "有地方了").await.unwrap();
    names.push("有地方了".into());
    town.wait_for(full, "works again", |status| status["trouble"] == Value::Null).await;
    town.converge().await;
    all_know(&town, &names).await;
    let journal = town.journal(full).await;
    assert!(journal.contains("disk_full") && journal.contains("store_works"), "{journal:?}");
    // What was told is in the store, too.
    town.kill(full).await;
    town.start_again(full).await;
    town.converge().await;
    all_know(&town, &names).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room() {
    let test = "a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room";
    for full in [ONE, CITY] {
        let Some(disk) = SmallDisk::mount(16) else {
            return skipped(test, "this user may not mount a small file system");
        };
        full_disk_at(full, &disk).await;
    }
}

/// A library under a program's feet: waiting for the disk fails for files whose path holds what stands in
/// the file that `FAILING_SYNC` names.
#[cfg(target_os = "linux")]
const FAILING_SYNC: &str = r#"
use std::ffi::{CStr, c_char, c_void};
use std::{env, fs};

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn __errno_location() -> *mut i32;
}

const NEXT: *mut c_void = -1_isize as *mut c_void;
const EIO: i32 = 5;

fn fails(file: i32) -> Option<bool> {
    let part = fs::read_to_string(env::var_os("FAILING_SYNC")?).ok()?;
    let path = fs::read_link(format!("/proc/self/fd/{file}")).ok()?;
    Some(path.to_str()?.contains(&part))
}

fn sync(name: &CStr, file: i32) -> i32 {
    if fails(file) == Some(true) {
        unsafe { *__errno_location() = EIO };
        return -1;
    }
    let real: extern "C" fn(i32) -> i32 = unsafe { std::mem::transmute(dlsym(NEXT, name.as_ptr())) };
    real(file)
}

#[unsafe(no_mangle)]
pub extern "C" fn fsync(file: i32) -> i32 { sync(c"fsync", file) }

#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(file: i32) -> i32 { sync(c"fdatasync", file) }
"#;

/// Compiles [`FAILING_SYNC`] into a folder.
#[cfg(target_os = "linux")]
fn failing_sync(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("failing_sync.rs"), folder.join("failing_sync.so"));
    std::fs::write(&source, FAILING_SYNC).expect("the source");
    let mut compiler = Command::new("rustc");
    compiler.args(["--edition", "2024", "--crate-type", "cdylib", "-o"]).arg(&library).arg(&source);
    let output = compiler.output().expect("rustc starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn where_the_redo_log_fails_the_file_is_written_and_where_both_fail_nothing_is_called_saved() {
    let home = tempfile::tempdir().expect("a folder");
    let (library, failing) = (failing_sync(home.path()), home.path().join("failing"));
    let preload = format!("LD_PRELOAD={}", library.display());
    let list = format!("FAILING_SYNC={}", failing.display());
    let mut town = Town::start(&[ONE], &[]).await;
    town.converge().await;
    town.kill(ONE).await;
    // What is lost here nobody could give back.
    town.line(ONE).cut();
    town.start_under(ONE, &["env", &preload, &list]).await;
    let mut names = record_all(&town, ONE, std::iter::once("先".to_owned())).await;
    let told = "the redo log cannot be written; the store's file is";
    assert!(!town.log(ONE).contains(told));
    std::fs::write(&failing, "lianxiao.redo").expect("a list");
    names.extend(record_all(&town, ONE, (0..3).map(|n| format!("无志{n}"))).await);
    assert!(town.log(ONE).contains(told));
    std::fs::write(&failing, "lianxiao.").expect("a list");
    let refused = town.record(ONE, "没有存下").await.expect_err("nothing can be saved").to_string();
    assert!(refused.contains("nothing of this action was saved"), "{refused}");
    std::fs::remove_file(&failing).expect("the list");
    names.extend(record_all(&town, ONE, std::iter::once("又好".to_owned())).await);
    town.kill(ONE).await;
    town.start_again(ONE).await;
    let known = town.known(ONE).await;
    assert!(names.iter().all(|name| known.contains(name)), "{known:?}");
    assert!(!known.contains("没有存下"), "refused, and there all the same");
    town.line(ONE).heal();
    town.converge().await;
    all_know(&town, &names).await;
}
