//! The service as clients see it: many connections at once, right answers, and reasons for what cannot be answered.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// Clients that ask at once, each for every digit.
const CLIENTS: usize = 16;

/// A running service; killed with the test.
struct Service {
    process: Child,
    address: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        // One that has ended needs no killing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn digits() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../digits")
}

fn start() -> Service {
    let mut process = Command::new(env!("CARGO_BIN_EXE_service"))
        .arg(digits().join("digits-e4.safetensors"))
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the service starts");
    let mut line = String::new();
    let output = process.stdout.take().expect("its output is read");
    BufReader::new(output).read_line(&mut line).expect("it says where it listens");
    let address = line.split(['/', ',']).nth(2).expect("an address").to_owned();
    Service { process, address }
}

/// The status and body of an answer.
fn post(service: &Service, body: &[u8]) -> (u16, serde_json::Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://{}/classify", service.address);
    let mut answer = agent.post(&url).send(body).expect("there is an answer");
    let text = answer.body_mut().read_to_string().expect("the answer is text");
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)))
}

#[test]
fn many_clients_are_answered_at_once() {
    let service = start();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for name in NAMES {
                    let picture = std::fs::read(digits().join(format!("{name}.png"))).expect("a picture");
                    let (status, classes) = post(&service, &picture);
                    assert_eq!(status, 200, "{classes}");
                    assert_eq!(classes[0]["class"], name, "{classes}");
                    assert_eq!(classes.as_array().map(Vec::len), Some(3));
                }
            });
        }
    });
}

#[test]
fn what_cannot_be_answered_is_told() {
    let service = start();
    let (status, told) = post(&service, b"no picture");
    assert_eq!(status, 422);
    assert!(told["error"].as_str().is_some_and(|error| !error.is_empty()), "{told}");
    let (status, _) = post(&service, &vec![0; 10_000_001]);
    assert_eq!(status, 413);
    // It goes on.
    let picture = std::fs::read(digits().join("seven.png")).expect("a picture");
    assert_eq!(post(&service, &picture).0, 200);
}
