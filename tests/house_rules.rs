//! The house rules, kept by tests: who may depend on whom, how long files and functions get, what is
//! not called.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    for folder in [
        "engine/src",
        "actors/src",
        "strategies/src",
        "exchange/src",
        "src",
    ] {
        let folder = root().join(folder);
        if folder.exists() {
            collect(&folder, &mut files);
        }
    }
    assert!(files.len() > 50, "the sources were not found");
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

/// The text before the inline tests.
fn without_tests(text: &str) -> String {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    lines.map(|line| format!("{line}\n")).collect()
}

/// The sources that are in the program: without the files of modules declared under `#[cfg(test)]`.
fn program() -> Vec<(PathBuf, String)> {
    let all = sources();
    let mut tests = BTreeSet::new();
    for (path, text) in &all {
        let folder = match path.file_stem().and_then(|stem| stem.to_str()) {
            Some("mod" | "lib" | "main") | None => path.with_file_name(""),
            Some(stem) => path.with_file_name(stem),
        };
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.windows(2) {
            let declared = pair[1]
                .trim_start_matches("pub(super) ")
                .trim_start_matches("pub(crate) ");
            let name = declared
                .strip_prefix("mod ")
                .and_then(|rest| rest.strip_suffix(';'));
            if let (true, Some(name)) = (
                pair[0].starts_with("#[cfg(all(test") || pair[0] == "#[cfg(test)]",
                name,
            ) {
                tests.insert(folder.join(format!("{name}.rs")));
                tests.insert(folder.join(name));
            }
        }
    }
    let is_test = |path: &Path| path.ancestors().any(|part| tests.contains(part));
    all.into_iter().filter(|(path, _)| !is_test(path)).collect()
}

#[test]
fn packages_depend_only_on_what_the_design_allows() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let normal = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].is_null());
        let ours: BTreeSet<_> = normal
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .filter(|name| name.starts_with("tripline"))
            .collect();
        found.insert(package["name"].as_str().unwrap().to_owned(), ours);
    }
    let engine = || BTreeSet::from(["tripline-engine".to_owned()]);
    let all = [
        "tripline-engine",
        "tripline-actors",
        "tripline-strategies",
        "tripline-exchange",
    ];
    let expected = BTreeMap::from([
        ("tripline-engine".to_owned(), BTreeSet::new()),
        ("tripline-actors".to_owned(), engine()),
        ("tripline-strategies".to_owned(), engine()),
        ("tripline-exchange".to_owned(), engine()),
        ("tripline".to_owned(), all.map(str::to_owned).into()),
    ]);
    assert_eq!(found, expected);
}

#[test]
fn the_engine_is_pure() {
    for (path, text) in program()
        .iter()
        .filter(|(path, _)| path.starts_with(root().join("engine")))
    {
        for banned in [
            "std::net",
            "std::fs",
            "std::thread",
            "tokio",
            "SystemTime::now",
            "Instant::now",
            "rand::",
        ] {
            assert!(
                !without_tests(text).contains(banned),
                "{} uses {banned}",
                path.display()
            );
        }
    }
}

#[test]
fn the_practice_exchange_shares_only_money_and_ids_with_the_engine() {
    for (path, text) in program()
        .iter()
        .filter(|(path, _)| path.starts_with(root().join("exchange")))
    {
        for (at, _) in text.match_indices("tripline_engine::") {
            let rest = &text[at + "tripline_engine::".len()..];
            let allowed = ["money", "ids", "{ids", "{money"]
                .iter()
                .any(|module| rest.starts_with(module));
            assert!(
                allowed,
                "{}: tripline_engine::{}",
                path.display(),
                rest.lines().next().unwrap_or_default()
            );
        }
    }
}

#[test]
fn no_file_is_longer_than_400_lines_without_its_tests() {
    let long: Vec<_> = program()
        .iter()
        .map(|(path, text)| (without_tests(text).lines().count(), path.clone()))
        .filter(|(lines, _)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "split by concern: {long:?}");
}

/// Each function with its number of lines, by its indentation as rustfmt leaves it.
fn functions(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let lines: Vec<_> = text.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let before = code.split_once("fn ").map(|(before, _)| before);
        let words = ["pub", "pub(crate)", "pub(super)", "async", "const"];
        if !before.is_some_and(|before| before.split_whitespace().all(|word| words.contains(&word)))
        {
            continue;
        }
        let indent = &line[..line.len() - code.len()];
        // A body ends with the first brace at the function's own indentation; a declaration without a
        // body, or one on a single line, ends before that.
        let ends = |line: &&str| {
            let ended = line
                .strip_prefix(indent)
                .is_some_and(|rest| rest.starts_with(['}', ')', 'f', 'p', 'a', 'c']));
            ended && (line.ends_with('}') || line.ends_with(';'))
        };
        if let Some(length) = lines[start..].iter().position(ends) {
            found.push((code.to_owned(), length + 1));
        }
    }
    found
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let mut long = Vec::new();
    for (path, text) in program() {
        for (name, lines) in functions(&without_tests(&text)) {
            if lines > 70 {
                long.push(format!("{}: {name} has {lines}", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn nothing_is_left_to_do_and_nothing_is_swallowed() {
    let mut slips = Vec::new();
    for (path, text) in program() {
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = line.trim_start();
            if code.starts_with("//") {
                continue;
            }
            for banned in [
                "todo!(",
                "unimplemented!(",
                "dbg!(",
                ".unwrap()",
                "do_send(",
                "let _ = ",
                "f64",
            ] {
                if code.contains(banned) {
                    slips.push(format!(
                        "{}:{}: {banned} in {code}",
                        path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    // A random generator may think in floats; what comes out of it is decimal.
    slips.retain(|slip| !(slip.contains("exchange/src/market/") && slip.contains(": f64 in ")));
    assert!(slips.is_empty(), "{}", slips.join("\n"));
}
