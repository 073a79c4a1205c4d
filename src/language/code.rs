//! The kinds of findings: each has a stable name, and a page that explains it.
//!
//! A page is `codes/NAME.md`: its first line says what is wrong, and its examples are fenced as
//! `toml wrong`, `toml right`, or `toml beside PATH` for a file that both of them name. They are tree
//! files; beside a `tree.toml`, they are test files.

use super::diagnostic::{Severity, nearest};

macro_rules! codes {
    ($($severity:ident $code:ident $name:literal,)*) => {
        /// What kind of finding it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!("`", $name, "`")] $code,)*
        }

        impl Code {
            /// Every code, in the order of its name.
            pub const ALL: &'static [Code] = &[$(Code::$code,)*];

            /// Its stable name, as it stands in reports.
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => $name,)* }
            }

            /// Whether it keeps a tree from being mounted.
            pub fn severity(self) -> Severity {
                match self { $(Code::$code => Severity::$severity,)* }
            }

            /// The page that explains it, in Markdown.
            pub fn page(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("codes/", $name, ".md")),)* }
            }
        }
    };
}

codes! {
    Error AliveAtTop "alive-at-top",
    Error AliveWithWhen "alive-with-when",
    Error AmbiguousName "ambiguous-name",
    Error AmbiguousRecords "ambiguous-records",
    Error BelowFile "below-file",
    Error CircularInclude "circular-include",
    Error CircularQueries "circular-queries",
    Error CircularVariable "circular-variable",
    Error ConflictingSetting "conflicting-setting",
    Error ContentOfDirectory "content-of-directory",
    Error CrashesServer "crashes-server",
    Warning DanglingLink "dangling-link",
    Error DuplicateName "duplicate-name",
    Error DuplicatePath "duplicate-path",
    Error EmptyLink "empty-link",
    Error ExpressionSyntax "expression-syntax",
    Error IncompleteTest "incomplete-test",
    Error InvalidAddress "invalid-address",
    Error InvalidDuration "invalid-duration",
    Error InvalidEvent "invalid-event",
    Error InvalidMode "invalid-mode",
    Error InvalidName "invalid-name",
    Error InvalidPath "invalid-path",
    Error InvalidRefresh "invalid-refresh",
    Error InvalidRegex "invalid-regex",
    Error InvalidSecret "invalid-secret",
    Error InvalidSize "invalid-size",
    Error InvalidSource "invalid-source",
    Error LogPerRecord "log-per-record",
    Warning ManyBesideAlive "many-beside-alive",
    Error MisplacedInclude "misplaced-include",
    Error MisplacedKey "misplaced-key",
    Error MisplacedResult "misplaced-result",
    Error MisplacedWrite "misplaced-write",
    Warning NeedsAllowExec "needs-allow-exec",
    Warning NeverTrue "never-true",
    Error NoAction "no-action",
    Error NoContent "no-content",
    Error NoEvents "no-events",
    Warning NoFields "no-fields",
    Error NoKey "no-key",
    Error NoRecords "no-records",
    Error NoSource "no-source",
    Error NoTree "no-tree",
    Error NotToml "not-toml",
    Error NothingTested "nothing-tested",
    Warning PlainConnection "plain-connection",
    Error QueryInEvent "query-in-event",
    Error RepeatedCase "repeated-case",
    Error RepeatedVariable "repeated-variable",
    Error ReservedName "reserved-name",
    Error ReservedPath "reserved-path",
    Warning SecretExposed "secret-exposed",
    Warning SecretInFile "secret-in-file",
    Error SeveralContents "several-contents",
    Error SeveralSources "several-sources",
    Error TemplateSyntax "template-syntax",
    Error UnknownChoice "unknown-choice",
    Error UnknownEncoding "unknown-encoding",
    Error UnknownFilter "unknown-filter",
    Error UnknownFormat "unknown-format",
    Error UnknownKey "unknown-key",
    Error UnknownName "unknown-name",
    Error UnknownOwner "unknown-owner",
    Error UnknownParser "unknown-parser",
    Error UnknownProcess "unknown-process",
    Error UnknownQuery "unknown-query",
    Error UnknownReader "unknown-reader",
    Error UnknownTemplate "unknown-template",
    Error UnknownTest "unknown-test",
    Error UnknownVariable "unknown-variable",
    Error UnreadableFile "unreadable-file",
    Error UnreadableRecording "unreadable-recording",
    Error UnreadableTemplate "unreadable-template",
    Error UnsetVariable "unset-variable",
    Warning UnusedQuery "unused-query",
    Warning UnusedVariable "unused-variable",
    Error WhichServer "which-server",
    Error WrongType "wrong-type",
}

impl Code {
    /// The code of that name.
    pub fn from_name(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// The code whose name is nearest to that one, if one is near enough to be meant.
    pub fn nearest(name: &str) -> Option<Code> {
        nearest(name, Code::ALL.iter().map(|code| code.name())).and_then(Code::from_name)
    }

    /// What is wrong, in one line.
    pub fn summary(self) -> &'static str {
        self.page().lines().next().unwrap_or("")
    }
}
