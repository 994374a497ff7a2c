//! What the program is made of: licences, sources and refused crates by the rules of `.ci/deny.toml`, which `cargo deny check
//! licenses bans sources` reads too where it is installed; the list of parts that `deploy/sbom` gives; the compiler's version.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Crates of which several versions are built in; a rise is looked at before it is taken.
const SEVERAL: usize = 40;

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn words(table: &toml::Value, path: &[&str]) -> BTreeSet<String> {
    let list = path.iter().fold(table, |at, key| &at[*key]).as_array().unwrap();
    let word = |it: &toml::Value| it.as_str().or_else(|| it.get("crate")?.as_str()).unwrap().to_owned();
    list.iter().map(word).collect()
}

/// `A OR B`, `A AND B`, brackets, and the older `A/B`.
fn fits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.trim().replace('/', " OR ");
    let split = |mark: &str| -> Option<Vec<String>> {
        let (mut depth, mut parts, mut start) = (0, Vec::new(), 0);
        for (at, letter) in expression.char_indices() {
            match letter {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ if depth == 0 && expression[at..].starts_with(mark) => {
                    parts.push(expression[start..at].to_owned());
                    start = at + mark.len();
                }
                _ => {}
            }
        }
        parts.push(expression[start..].to_owned());
        (parts.len() > 1).then_some(parts)
    };
    if let Some(parts) = split(" OR ") {
        return parts.iter().any(|it| fits(it, allowed));
    }
    if let Some(parts) = split(" AND ") {
        return parts.iter().all(|it| fits(it, allowed));
    }
    match expression.strip_prefix('(').and_then(|it| it.strip_suffix(')')) {
        Some(inner) => fits(inner, allowed),
        None => allowed.contains(expression.as_str()),
    }
}

#[test]
fn licences_sources_and_refused_crates_keep_the_rules() {
    let rules: toml::Value =
        toml::from_str(&fs::read_to_string(Path::new(ROOT).join(".ci/deny.toml")).unwrap()).unwrap();
    let (allowed, refused) = (words(&rules, &["licenses", "allow"]), words(&rules, &["bans", "deny"]));
    assert!(fits("MIT OR (GPL-3.0 AND X)", &allowed) && !fits("(MIT OR Apache-2.0) AND GPL-3.0", &allowed));
    let metadata = metadata();
    let used: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_str().unwrap())
        .collect();
    let (mut wrong, mut versions) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for package in metadata["packages"].as_array().unwrap() {
        if !used.contains(package["id"].as_str().unwrap()) {
            continue;
        }
        let name = package["name"].as_str().unwrap();
        *versions.entry(name).or_default() += 1;
        match package["license"].as_str() {
            Some(licence) if fits(licence, &allowed) => {}
            other => wrong.push(format!("{name}: licence {other:?}")),
        }
        if refused.contains(name) {
            wrong.push(format!("{name} is refused"));
        }
        let source = package["source"].as_str();
        let own = name == "karibarai" && source.is_none();
        if !own && source.is_none_or(|it| !it.contains("github.com/rust-lang/crates.io-index")) {
            wrong.push(format!("{name}: from {source:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let several: Vec<_> = versions.iter().filter(|(_, count)| **count > 1).collect();
    assert!(several.len() <= SEVERAL, "{several:?}");
    println!(
        "supply: {} crates, {} of them in several versions, none against the rules",
        versions.len(),
        several.len()
    );
}

#[test]
fn the_list_of_parts_is_complete_and_the_compiler_is_the_one_that_is_stated() {
    let output = Command::new("python3").arg(Path::new(ROOT).join("deploy/sbom")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bom: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((bom["bomFormat"].as_str(), bom["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
    let components = bom["components"].as_array().unwrap();
    let refs: BTreeSet<&str> = components.iter().map(|it| it["bom-ref"].as_str().unwrap()).collect();
    assert_eq!(refs.len(), components.len(), "each once");
    for component in components {
        assert_eq!(component["hashes"][0]["content"].as_str().map(str::len), Some(64), "{component}");
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
    }
    // Every part that another needs is in the list.
    for dependency in bom["dependencies"].as_array().unwrap() {
        for needed in dependency["dependsOn"].as_array().unwrap() {
            assert!(refs.contains(needed.as_str().unwrap()), "{needed}");
        }
    }
    let manifest: toml::Value =
        toml::from_str(&fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap()).unwrap();
    let direct = manifest["dependencies"].as_table().unwrap();
    for name in direct.keys() {
        assert!(
            refs.iter().any(|it| it.starts_with(&format!("pkg:cargo/{name}@"))),
            "{name} is not in the list"
        );
    }
    let reproduce =
        Command::new("bash").arg("-n").arg(Path::new(ROOT).join("deploy/reproduce")).status().unwrap();
    assert!(reproduce.success());
    let stated = manifest["package"]["rust-version"].as_str().unwrap();
    let compiler = Command::new("rustc").arg("--version").current_dir(ROOT).output().unwrap();
    let compiler = String::from_utf8(compiler.stdout).unwrap();
    println!("parts: {}; stated compiler {stated}, this one {}", components.len(), compiler.trim());
}
