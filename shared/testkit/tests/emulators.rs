//! The emulators start, answer, and are gone with their handles.

use std::net::TcpStream;

use penstock_testkit::emulator::{Emulator, MiniStack, Moto};

#[test]
fn ministack_answers_and_ends() {
    answers_and_ends(MiniStack::new().auth(true).start());
}

#[test]
fn moto_answers_and_ends() {
    answers_and_ends(Moto::start());
}

fn answers_and_ends(emulator: Emulator) {
    let port = emulator.port();
    assert!(emulator.environment().contains(&("AWS_ENDPOINT_URL".to_owned(), emulator.url())));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    drop(emulator);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the emulator outlives its handle");
}
