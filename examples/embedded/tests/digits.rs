//! The binary reads every digit that ships with the repository, from a folder that holds nothing else.

use std::path::Path;
use std::process::Command;

const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

#[test]
fn every_digit_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../digits");
    let empty = std::env::temp_dir();
    for name in NAMES {
        let output = Command::new(env!("CARGO_BIN_EXE_digits"))
            .arg(folder.join(format!("{name}.png")))
            .current_dir(&empty)
            .output()
            .expect("the binary runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(printed.contains(&format!("{name}.png: {name} (")), "{printed}");
    }
}

#[test]
fn what_is_no_picture_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_digits")).arg("missing.png").output().expect("the binary runs");
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.starts_with("error: ") && told.contains("missing.png"), "{told}");
}
