//! Which compiler is this, which versions of what is compared, and is there a C++ compiler that finds Boost's headers?

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-changed=Cargo.toml");
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output()?.stdout;
    println!("cargo::rustc-env=VERSUS_RUSTC={}", String::from_utf8(version)?.trim());
    let peers = peers(&fs::read_to_string("Cargo.toml")?);
    let versions = versions(&fs::read_to_string("Cargo.lock")?, &peers);
    let out = Path::new(&env::var("OUT_DIR")?).join("versions.rs");
    let text = format!("/// What is compared, with its version.\nconst VERSIONS: &[(&str, &str)] = &{versions:?};\n");
    fs::write(out, text)?;
    build_boost_queue();
    Ok(())
}

/// Boost.Interprocess's message queue is measured where it can be built.
fn build_boost_queue() {
    println!("cargo::rustc-check-cfg=cfg(boost)");
    println!("cargo::rerun-if-changed=src/mechanism/boost.cpp");
    let mut build = cc::Build::new();
    build.cpp(true).std("c++14").file("src/mechanism/boost.cpp");
    if build.cargo_warnings(false).try_compile("boost_queue").is_ok() {
        println!("cargo::rustc-cfg=boost");
    }
}

/// The names of the dependencies below the line that says so, as far as they are built, and ours.
fn peers(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().skip_while(|line| !line.starts_with("# The peers"));
    let lines = lines.take_while(|line| !line.starts_with('['));
    let aeron = env::var_os("CARGO_FEATURE_AERON").is_some();
    let lines = lines.filter(|line| aeron || !line.contains("optional = true"));
    let names = lines.filter_map(|line| Some(line.split_once(" = ")?.0.trim().to_owned()));
    std::iter::once("annulus".to_owned()).chain(names).collect()
}

fn versions(lock: &str, names: &[String]) -> Vec<(String, String)> {
    let field = |package: &str, name: &str| {
        let line = package
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    let packages = lock
        .split("[[package]]")
        .filter_map(|p| Some((field(p, "name")?, field(p, "version")?)));
    packages.filter(|(name, _)| names.contains(name)).collect()
}
