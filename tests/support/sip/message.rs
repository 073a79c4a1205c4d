//! A SIP message, as far as a registering telephone reads one: the start line and the headers.

/// A request or an answer; the body is left out.
#[derive(Debug)]
pub struct Message {
    start_line: String,
    headers: Vec<(String, String)>,
}

impl Message {
    /// Reads a datagram; none for what is no SIP message, such as the empty datagrams that keep a path open.
    pub fn parse(datagram: &[u8]) -> Option<Message> {
        let text = String::from_utf8_lossy(datagram);
        let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
        let start_line = lines.next().filter(|line| line.contains("SIP/2.0"))?.to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Some(Message { start_line, headers })
    }

    /// The first line as it came.
    pub fn start_line(&self) -> &str {
        &self.start_line
    }

    /// The status of an answer, none for a request.
    pub fn status(&self) -> Option<u16> {
        self.start_line.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.start_line.split(' ').next().unwrap_or_default()
    }

    /// The first header of that name.
    pub fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// All headers of that name, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// An answer to this request, without a body: it repeats the headers that tie the two together.
    pub fn answer(&self, status: &str) -> String {
        let mut answer = format!("SIP/2.0 {status}\r\n");
        for (name, value) in &self.headers {
            let tag = match name.as_str() {
                "To" if !value.contains(";tag=") => ";tag=astfs",
                "To" | "Via" | "From" | "Call-ID" | "CSeq" => "",
                _ => continue,
            };
            answer.push_str(&format!("{name}: {value}{tag}\r\n"));
        }
        answer.push_str("Content-Length: 0\r\n\r\n");
        answer
    }
}
