//! A request that stays in its place, whatever the records it is made for hold.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::error::RequestError;
use crate::language::Authorization;
use crate::parse::text;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Request {
    /// The text of a file.
    File(PathBuf),
    /// What a program prints.
    Program {
        /// Its name or path.
        name: String,
        /// Its arguments.
        arguments: Vec<OsString>,
    },
    /// What a URL gives.
    Url {
        /// The URL.
        url: String,
        /// Who asks.
        authorization: Option<Authorization>,
        /// The file of the certificates that vouch for the server.
        certificates: Option<PathBuf>,
    },
}

impl Request {
    /// A file's text. That a record's value is one segment of the path, the template has seen to.
    ///
    /// # Errors
    /// [`RequestError::Nul`].
    pub fn file(path: &str) -> Result<Request, RequestError> {
        Ok(Request::File(sendable(path, || "the path".to_owned())?.into()))
    }

    /// What a program prints; beside each argument, whether it may be an option.
    ///
    /// # Errors
    /// [`RequestError::Nul`], or [`RequestError::Option`] of an argument that may not.
    pub fn program<'a>(
        name: &str,
        arguments: impl IntoIterator<Item = (&'a str, bool)>,
    ) -> Result<Request, RequestError> {
        let checked = arguments.into_iter().enumerate().map(|(index, (argument, may_be_option))| {
            if argument.starts_with('-') && !may_be_option {
                return Err(RequestError::Option { program: name.to_owned(), number: index + 1 });
            }
            sendable(argument, || format!("argument {} of `{name}`", index + 1))
        });
        Ok(Request::Program { name: name.to_owned(), arguments: checked.collect::<Result<_, _>>()? })
    }

    /// What a URL gives. That a record's value is percent-encoded, the template has seen to; but a value
    /// that consists of dots needs none.
    ///
    /// # Errors
    /// [`RequestError::Segment`].
    pub fn url(
        url: &str,
        authorization: Option<Authorization>,
        certificates: Option<PathBuf>,
    ) -> Result<Request, RequestError> {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let mut segments = path.split('/').map(|segment| segment.replace("%2E", ".").replace("%2e", "."));
        if segments.any(|segment| segment == "." || segment == "..") {
            return Err(RequestError::Segment);
        }
        Ok(Request::Url { url: url.to_owned(), authorization, certificates })
    }

    /// What is asked in lines, name and value: the same for the same request, whoever vouches for its server.
    pub fn headers(&self) -> Vec<(&'static str, Vec<u8>)> {
        match self {
            Request::File(path) => vec![("File", path.as_os_str().as_bytes().to_vec())],
            Request::Program { name, arguments } => {
                let arguments = arguments.iter().map(|one| text::decode(one.as_bytes()).into_owned());
                let words: Vec<String> = std::iter::once(name.clone()).chain(arguments).collect();
                vec![("Exec", serde_json::Value::from(words).to_string().into_bytes())]
            }
            Request::Url { url, authorization, .. } => {
                let user = authorization.iter().map(|one| ("User", one.user.clone().into_bytes()));
                std::iter::once(("URL", url.clone().into_bytes())).chain(user).collect()
            }
        }
    }

    /// The same for people.
    pub fn shown(&self) -> Vec<(String, String)> {
        let shown =
            |(name, value): (&str, Vec<u8>)| (name.to_owned(), String::from_utf8_lossy(&value).into_owned());
        self.headers().into_iter().map(shown).collect()
    }

    /// What is asked, for errors: nothing that may be secret.
    pub fn label(&self) -> String {
        match self {
            Request::File(path) => path.display().to_string(),
            Request::Program { name, .. } => format!("program `{name}`"),
            Request::Url { url, .. } => host(url).to_owned(),
        }
    }
}

/// The host that a URL names, with its port.
pub fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

fn sendable(part: &str, what: impl Fn() -> String) -> Result<OsString, RequestError> {
    let bytes = text::encode(part).into_owned();
    if bytes.contains(&0) { Err(RequestError::Nul { what: what() }) } else { Ok(OsString::from_vec(bytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_an_option_only_where_the_tree_file_says_so() {
        let program = |arguments: &[(&'static str, bool)]| {
            Request::program("mailq", arguments.iter().copied()).map_err(|error| error.to_string())
        };
        assert!(program(&[("-a", true), ("6001", false), ("a -b", false), ("", false)]).is_ok());
        let error = program(&[("-a", true), ("-rf", false)]).unwrap_err();
        assert!(error.starts_with("argument 2 of `mailq` begins with `-`"), "{error}");
        assert!(!error.contains("rf"), "{error}");
        assert!(program(&[("a\0b", false)]).is_err());
    }

    #[test]
    fn no_segment_of_a_url_leads_elsewhere() {
        let url = |url| Request::url(url, None, None);
        for led in ["http://h/a/../b", "http://h/..", "http://h/%2e%2E/x", "http://h/.?a", "http://h/a/.#b"] {
            assert_eq!(url(led), Err(RequestError::Segment), "{led}");
        }
        for kept in ["http://h/a?b=../..", "http://h/...", "http://h/a..b/", "https://1.2.3.4:8089"] {
            assert!(url(kept).is_ok(), "{kept}");
        }
    }

    #[test]
    fn a_request_is_shown_as_what_is_asked_and_labelled_without_what_may_be_secret() {
        let program = Request::program("ls", [("-l", true), ("a b", false)]).unwrap();
        assert_eq!(program.shown(), [("Exec".to_owned(), r#"["ls","-l","a b"]"#.to_owned())]);
        let url = Request::url("http://h:8088/ari?api_key=hunter2", None, None).unwrap();
        assert_eq!(url.label(), "h:8088");
        assert_eq!(Request::file("/a\0b").unwrap_err().to_string(), "the path holds a NUL; remove it");
    }
}
