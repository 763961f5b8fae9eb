//! Rules of the tree that no compiler holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Crates that a package must not use, and why.
const LAYERS: [(&str, &[&str], &str); 3] = [
    (
        "client-core",
        &[
            "tokio",
            "axum",
            "sqlx",
            "rusqlite",
            "reqwest",
            "tracing",
            "web_sys",
            "js_sys",
            "use lianxiao",
            "rand",
            "std::fs",
            "std::net",
            "SystemTime",
            "Instant::now",
            "std::thread",
            "HashMap",
            "HashSet",
        ],
        "the core does no IO, reads no clock and makes up no randomness",
    ),
    (
        "server",
        &["leptos", "web_sys", "use lianxiao_web", "automerge"],
        "the node knows nothing of the page, and the log hides Automerge",
    ),
    (
        "wasm",
        &["tokio", "sqlx", "axum", "use lianxiao", "automerge"],
        "the page is a shell around client-core",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the tree").to_owned()
}

fn files(folder: &Path, endings: &[&str]) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "node_modules", ".git"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let text = std::fs::read_to_string(&path).expect("text");
                found.insert(path, text);
            }
        }
    }
    found
}

/// Every line of code (no comment, no test) that names something forbidden.
fn violations(source: &str, forbidden: &[&str]) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let names = |line: &str, word: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back().is_some_and(is_word);
            let after = line[at + word.len()..].chars().next().is_some_and(is_word);
            !before && !after
        })
    };
    lines
        .filter_map(|(n, line)| {
            let word = forbidden.iter().find(|word| names(line, word))?;
            Some(format!("line {}: {word}: {}", n + 1, line.trim()))
        })
        .collect()
}

#[test]
fn layers_use_only_what_lies_below_them() {
    let mut found = Vec::new();
    for (package, forbidden, why) in LAYERS {
        for (path, text) in files(&root().join(package).join("src"), &[".rs"]) {
            let all = violations(&text, forbidden).into_iter();
            found.extend(all.map(|violation| format!("{} {violation} ({why})", path.display())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_planted_violation_is_found() {
    let planted = "//! tokio is named here\nuse tokio::net::TcpStream;\nlet tokio_like = 1;\n";
    assert_eq!(violations(planted, &["tokio"]), ["line 2: tokio: use tokio::net::TcpStream;"]);
}

/// The modules of `client-core` in the order of its first page, and in which file each uses a later one.
fn upward(order: &[String], module: &str, source: &str) -> Vec<String> {
    let rank = |name: &str| order.iter().position(|known| known == name);
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let own = rank(module).unwrap_or(order.len());
    let mut found = Vec::new();
    for (n, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if rank(&name).is_some_and(|used| used > own) {
                found.push(format!("line {}: {name}: {}", n + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn the_modules_of_the_core_use_only_those_before_them() {
    let source = root().join("client-core/src");
    let page = std::fs::read_to_string(source.join("lib.rs")).expect("lib.rs");
    let named = page.split("#[cfg(test)]").next().unwrap_or_default().lines();
    let order: Vec<String> = named
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect();
    assert!(order.len() > 10, "{order:?}");
    let mut found = Vec::new();
    for (path, text) in files(&source, &[".rs"]) {
        let place = path.strip_prefix(&source).expect("inside");
        let is_test = place.components().any(|part| {
            let name = part.as_os_str().to_string_lossy();
            ["tests", "given"].contains(&name.trim_end_matches(".rs"))
        });
        let first = place.components().next().expect("a file").as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs");
        if module != "lib" && !is_test {
            let all = upward(&order, module, &text).into_iter();
            found.extend(all.map(|violation| format!("{} {violation}", place.display())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_planted_arrow_upward_is_found() {
    let order = ["ids".to_owned(), "event".to_owned()];
    let planted = "// crate::event is named here\nuse crate::event::Scope;\nuse crate::ids::UserId;\n";
    assert_eq!(upward(&order, "ids", planted), ["line 2: event: use crate::event::Scope;"]);
    assert!(upward(&order, "event", planted).is_empty());
}

#[test]
fn the_log_alone_names_automerge() {
    let core = files(&root().join("client-core/src"), &[".rs"]);
    let named: Vec<_> = core
        .iter()
        .filter(|(path, text)| !path.ends_with("tests.rs") && !violations(text, &["automerge"]).is_empty())
        .map(|(path, _)| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    assert_eq!(named, ["merged.rs"]);
}

#[test]
fn every_source_file_opens_with_a_sentence_about_itself() {
    let without: Vec<_> = files(&root(), &[".rs"])
        .into_iter()
        .filter(|(path, text)| !text.starts_with("//!") && !path.ends_with("tests.rs"))
        .map(|(path, _)| path)
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn paths_that_documents_name_exist() {
    let mut missing = Vec::new();
    for (path, text) in files(&root(), &[".md"]) {
        let quoted = text.split('`').skip(1).step_by(2);
        let paths = quoted.filter(|word| {
            let first = word.split('/').next().unwrap_or_default();
            word.contains('/')
                && ["client-core", "server", "wasm", "tests", "docs"].contains(&first)
                && !word.contains([' ', '…', '<', '{', '*'])
        });
        for named in paths.filter(|named| !root().join(named).exists()) {
            missing.push(format!("{}: {named}", path.display()));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_reference_of_events_is_what_the_registry_says() {
    let page = std::fs::read_to_string(tests::reference::path()).expect("docs/events.md");
    for (now, stands) in tests::reference::page().lines().zip(page.lines().chain(std::iter::repeat(""))) {
        assert_eq!(
            now, stands,
            "docs/events.md is old: cargo run -p tests --no-default-features --bin reference"
        );
    }
    assert_eq!(page, tests::reference::page(), "docs/events.md says more than the registry");
}

#[test]
fn every_direct_dependency_is_explained() {
    let page = std::fs::read_to_string(root().join("docs/dependencies.md")).expect("docs/dependencies.md");
    let explained: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .flat_map(|names| names.split(", "))
        .collect();
    let manifests = files(&root(), &["Cargo.toml"]);
    let mut missing = Vec::new();
    for text in manifests.values() {
        let mut in_dependencies = false;
        for line in text.lines() {
            if let Some(section) = line.strip_prefix('[') {
                in_dependencies = section.contains("dependencies]");
            } else if in_dependencies
                && !line.starts_with('#')
                && let Some((name, _)) = line.split_once(['=', '.'])
            {
                let name = name.trim();
                if !["client-core", "client-core-macros", "lianxiao", "tests"].contains(&name)
                    && !explained.contains(&name)
                {
                    missing.push(name.to_owned());
                }
            }
        }
    }
    assert!(missing.is_empty(), "docs/dependencies.md lacks {missing:?}");
}

#[test]
fn the_project_stands_alone() {
    let outside = concat!("../sha", "red");
    let all = files(&root(), &[".rs", ".md", ".toml", ".mjs", ".js", ".json", ".html", ".css", "run"]);
    let naming: Vec<_> =
        all.iter().filter(|(_, text)| text.contains(outside)).map(|(path, _)| path).collect();
    assert!(naming.is_empty(), "{naming:?}");
}

#[test]
fn the_top_level_holds_only_what_was_agreed() {
    let agreed = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "README.md",
        "client-core",
        "docs",
        "server",
        "tests",
        "wasm",
        "target",
    ];
    let entries = std::fs::read_dir(root()).expect("the root");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let others: Vec<String> =
        names.filter(|name| !name.starts_with('.') && !agreed.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "{others:?}");
}
