//! Answers and events as they go over the wire, to be bound to a simulated server's requests.

/// The answer to an action that lists records; each is its headers, one a line.
pub fn list(records: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> =
        records.into_iter().map(|record| format!("Event: Entry\r\n{record}\r\n")).collect();
    format!(
        "Response: Success\r\nEventList: start\r\nMessage: A list will follow\r\n\r\n{}\
         Event: ListComplete\r\nEventList: Complete\r\nListItems: {}\r\n\r\n",
        items.concat(),
        items.len()
    )
}

/// The answer to an action that tells of one record by its headers, or that there is none.
pub fn record(headers: Option<String>) -> String {
    match headers {
        Some(headers) => format!("Response: Success\r\n{headers}\r\n"),
        None => "Response: Error\r\nMessage: there is none\r\n\r\n".to_owned(),
    }
}

/// The request of a CLI command.
pub fn command(command: &str) -> [(&str, &str); 2] {
    [("Action", "Command"), ("Command", command)]
}

/// What a CLI command printed, as 14 and later tell it.
pub fn printed<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut answer = "Response: Success\r\nMessage: Command output follows\r\n".to_owned();
    for line in lines {
        answer.push_str("Output: ");
        answer.push_str(line);
        answer.push_str("\r\n");
    }
    answer + "\r\n"
}

/// An event with these headers, one a line.
pub fn event(name: &str, headers: &str) -> String {
    format!("Event: {name}\r\nPrivilege: system,all\r\n{headers}\r\n")
}
