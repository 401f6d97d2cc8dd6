//! The least that could do the same, measured on the same machine in the same run.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Instant;

use crate::server::{now, sign};

/// A signed request over loopback, checked; one line made durable; a shell that writes the time: in milliseconds.
pub(crate) fn webhook_to_shell() -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stamp = folder.path().join("stamp");
    let mut log = log(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let body = vec![b'x'; 8000];
    let server = std::thread::spawn({
        let stamp = stamp.clone();
        move || {
            let (mut connection, _) = listener.accept().expect("a connection");
            let mut received = vec![0; 8000 + 71];
            connection.read_exact(&mut received).expect("the request");
            let (signature, body) = received.split_at(71);
            assert_eq!(sign(body).as_bytes(), signature);
            log.write_all(body).expect("the log");
            log.sync_data().expect("durability");
            let script = format!("date +%s.%N > {}", stamp.display());
            assert!(Command::new("sh").args(["-c", &script]).status().expect("a shell").success());
        }
    });
    let signature = sign(&body);
    let mut connection = TcpStream::connect(address).expect("a connection");
    let begun = now();
    connection.write_all(signature.as_bytes()).expect("the signature");
    connection.write_all(&body).expect("the body");
    server.join().expect("the server");
    let ended: f64 = std::fs::read_to_string(stamp).expect("the stamp").trim().parse().expect("a time");
    (ended - begun) * 1000.0
}

/// A line made durable, a shell that does nothing, a line made durable: in milliseconds.
pub(crate) fn syncs_round_a_shell() -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut log = log(folder.path());
    let begun = Instant::now();
    for line in ["begun", "ended"] {
        if line == "ended" {
            assert!(Command::new("sh").args(["-c", "true"]).status().expect("a shell").success());
        }
        log.write_all(line.as_bytes()).expect("the log");
        log.sync_data().expect("durability");
    }
    begun.elapsed().as_secs_f64() * 1000.0
}

fn log(folder: &std::path::Path) -> File {
    OpenOptions::new().create(true).append(true).open(folder.join("log")).expect("a log")
}
