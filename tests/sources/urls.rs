//! URLs: what they give, how they fail, and who vouches for them.

use std::fs;

use nix::libc;

use crate::support::wait_until;
use crate::web::Web;
use crate::{Ground, PATIENCE, errno};

const CHANNELS: &str =
    r#"[{"id":"1","name":"SIP/a b/../%","state":"Up"},{"id":"2","name":"..","state":"Down"}]"#;

fn ground(web: &Web) -> Ground {
    let tree = r#"
[defaults]
ttl       = "100ms"
timeout   = "1s"
max_stale = "1h"
[query.channels]
http = "http://HOST/ari/channels"
auth = { user = "ops", secret = { file = "@secret" } }
key  = "id"
[query.detail]
http = "http://HOST/ari/channels/{{ channel.name }}?full={{ channel.name }}"
[each.channel]
in = "channels"
[tree]
"channels/{channel}/state"  = { query = "channel.state" }
"channels/{channel}/detail" = { query = "detail.is" }
"raw"                       = { http = "http://HOST/raw" }
"text"                      = { http = "http://HOST/raw", parse = "lines", as = "json" }
"down"                      = { http = "http://HOST/down" }
"denied"                    = { http = "http://HOST/denied" }
"missing"                   = { http = "http://HOST/missing" }
"nobody"                    = { http = "http://127.0.0.1:1/" }
"#;
    let ground = Ground::new(&tree.replace("HOST", &web.address));
    ground.write("secret", "hunter2\nnot this\n");
    web.answers("/ari/channels", 200, CHANNELS);
    web.answers("/raw", 200, "a\nb\n");
    web.answers("/down", 503, "");
    web.answers("/denied", 401, "");
    ground
}

#[test]
fn records_of_a_url_are_a_tree_and_their_values_stay_in_their_place_of_another_url() {
    let web = Web::start();
    let ground = ground(&web);
    web.answers("/ari/channels/SIP%2Fa%20b%2F..%2F%25?full=SIP%2Fa%20b%2F..%2F%25", 200, r#"{"is":"one"}"#);
    assert_eq!(ground.prints("cat", &["channels/1/state"]), "Up\n");
    assert!(web.asked()[0].to_ascii_lowercase().contains("authorization: basic b3bzomh1bnrlcji=\r\n"));
    assert_eq!(ground.prints("cat", &["channels/1/detail"]), "one\n");
    web.asked();
    let refused = ground.run("cat", &["channels/2/detail"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("a segment `.` or `..`"), "{said}");
    assert!(web.asked().iter().all(|asked| asked.starts_with("GET /ari/channels HTTP")), "it was not asked");
    assert_eq!(ground.prints("cat", &["raw"]), "a\nb\n");
    assert_eq!(ground.prints("cat", &["text"]), "[\n  \"a\",\n  \"b\"\n]\n");
}

#[test]
fn how_a_url_fails_is_told_by_errno_and_its_last_good_answer_is_shown_meanwhile() {
    let web = Web::start();
    let ground = ground(&web);
    let Some(mounted) = ground.mount(&[]) else { return };
    for (file, expected) in [
        ("down", libc::EIO),
        ("denied", libc::EACCES),
        ("missing", libc::ENOENT),
        ("nobody", libc::ECONNREFUSED),
    ] {
        assert_eq!(errno(&mounted.join(file)), expected, "{file}");
    }
    let state = || fs::read_to_string(mounted.join("channels/1/state")).expect("it is shown");
    assert_eq!(state(), "Up\n");
    web.answers("/ari/channels", 200, &CHANNELS.replace("Up", "Ringing"));
    assert!(wait_until(PATIENCE, || state() == "Ringing\n"), "it is asked again when it is old");
    web.is_silent(true);
    let status = || fs::read_to_string(mounted.join(".astfs/queries/channels/state")).expect("its state");
    assert!(
        wait_until(PATIENCE, || state() == "Ringing\n" && status().contains("state=failed")),
        "{}",
        status()
    );
    assert!(status().contains("no answer of 127.0.0.1:"), "{}", status());
    assert_eq!(errno(&mounted.join("raw")), libc::ETIMEDOUT);
    web.is_silent(false);
    assert!(
        wait_until(PATIENCE, || state() == "Ringing\n" && status().contains("state=fresh")),
        "{}",
        status()
    );
}

#[test]
fn a_server_of_https_is_asked_if_the_given_certificates_vouch_for_it_and_otherwise_not() {
    let web = Web::start_tls();
    web.answers("/", 200, "secret\n");
    let ca = fs::canonicalize("tests/sources/tls/ca.pem").expect("certificates");
    let tree = format!(
        "[tree]\n\"given\" = {{ http = \"https://{0}/\", ca = {ca:?} }}\n\"own\" = {{ http = \"https://{0}/\" }}\n",
        web.address
    );
    let ground = Ground::new(&tree);
    assert_eq!(ground.prints("cat", &["given"]), "secret\n");
    let refused = ground.run("cat", &["own"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("certificate"), "{said}");
    assert_eq!(web.asked().len(), 1, "nothing was sent to whom nobody vouches for");
}
