//! The text of a recording: what can be read is written and read again as the same, and what was replaced in it
//! stays readable.

use std::path::Path;

use astfs::ami::Answer;
use astfs::recording::{Kept, Recording, RecordingError, replace, with_action_id};

pub fn check(bytes: &[u8]) {
    let recording = match Recording::parse(Path::new("x.rec"), bytes) {
        Ok(recording) => recording,
        Err(RecordingError::Text { line, message, .. }) => {
            let lines = bytes.split(|&byte| byte == b'\n').count();
            assert!((1..=lines).contains(&line), "line {line} of {lines}");
            return assert!(!message.is_empty());
        }
        Err(error) => panic!("no file is read: {error}"),
    };
    assert_same(&recording);
    let replaced = replace(recording.clone(), Kept::default(), &["hunter2-4711"]);
    assert_eq!(replaced.events.len(), recording.events.len());
    assert_same(&replaced);
    for (_, event) in &recording.events {
        let _ = Answer::read(&with_action_id(event, None, Some(b"1")));
    }
}

fn assert_same(recording: &Recording) {
    let text = recording.to_text();
    let control = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    assert!(!text.contains(control), "a control character");
    let again = Recording::parse(Path::new("x.rec"), text.as_bytes()).expect("what was written can be read");
    assert_eq!(again.to_text(), text, "written again as another text");
    assert_eq!(again.len(), recording.len());
    assert_eq!(again.server, recording.server);
    let events =
        |recording: &Recording| recording.events.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>();
    assert_eq!(events(&again), events(recording));
}
