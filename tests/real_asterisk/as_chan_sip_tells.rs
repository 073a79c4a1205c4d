//! The files say what the console of Asterisk 16 says.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::ground::{
    HOUR, PATIENCE, fields, is_there, measure, names, records, run, shipped, shipped_on_16, text, walk,
};
use crate::support::CREDENTIALS;
use crate::support::asterisk::Asterisk;
use crate::support::sip::Register;

/// A peer with a value in every field that a file shows.
const RICH: &[u8] = br#"[rich]
type = friend
host = dynamic
secret = pwrich
md5secret = 0123456789abcdef0123456789abcdef
defaultuser = richard
fromuser = somebody
fromdomain = from.example:5070
vmexten = *98
keepalive = 14
timert1 = 600
timerb = 30000
autoframing = yes
accountcode = billing
callerid = "Rich \"O\" \\ Hara <x>" <7001>
subscribecontext = hints
maxcallbitrate = 512
t38pt_udptl = yes,fec,maxdatagram=400
qualifyfreq = 45
namedcallgroup = a,b
namedpickupgroup = c
description = "quoted" 'and' \ so on
setvar = GREETING=hello = world
"#;

/// What `sip show peer` prints: labels and values.
pub fn shown(server: &Asterisk, peer: &str) -> BTreeMap<String, String> {
    let text = server.cli(&format!("sip show peer {peer}"));
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs
        .map(|(label, value)| {
            (label.trim_start_matches([' ', '*']).trim_end().to_owned(), value.trim().to_owned())
        })
        .collect()
}

/// Labels of `sip show peer` and the fields of `full` that say the same in the same words.
const SAME: &[(&str, &str)] = &[
    ("Name", "name"),
    ("Description", "Description"),
    ("Context", "context"),
    ("Language", "Language"),
    ("AMA flags", "AMAflags"),
    ("Transfer mode", "TransferMode"),
    ("CallingPres", "CID-CallingPres"),
    ("Callgroup", "Callgroup"),
    ("Pickupgroup", "Pickupgroup"),
    ("Named Callgr", "Named Callgroup"),
    ("Nam. Pickupgr", "Named Pickupgroup"),
    ("MOH Suggest", "MOHSuggest"),
    ("Mailbox", "VoiceMailbox"),
    ("VM Extension", "vmexten"),
    ("Call limit", "Call-limit"),
    ("Max forwards", "Maxforwards"),
    ("Callerid", "Callerid"),
    ("MaxCallBR", "MaxCallBR"),
    ("Insecure", "insecure"),
    ("Force rport", "force_rport"),
    ("ContactACL", "contactacl"),
    ("DirectMedACL", "directmedacl"),
    ("T.38 EC mode", "SIP-T.38EC"),
    ("T.38 MaxDtgrm", "SIP-T.38MaxDtgrm"),
    ("Ign SDP ver", "ign_sdp_ver"),
    ("Trust RPID", "trust_rpid"),
    ("Send RPID", "send_rpid"),
    ("Path support", "path_support"),
    ("TrustIDOutbnd", "trustidoutbnd"),
    ("Subscriptions", "subscriptions"),
    ("Overlap dial", "overlap_dial"),
    ("DTMFmode", "SIP-DTMFmode"),
    ("Timer T1", "timer_t1"),
    ("Timer B", "timer_b"),
    ("ToHost", "ToHost"),
    ("Allowed.Trsp", "transports"),
    ("Def. Username", "username"),
    ("Codecs", "Codecs"),
    ("Useragent", "useragent"),
    ("Reg. Contact", "fullcontact"),
    ("Qualify Freq", "QualifyFreq"),
    ("Sess-Timers", "SIP-Sess-Timers"),
    ("Sess-Refresh", "SIP-Sess-Refresh"),
    ("RTP Engine", "SIP-RTP-Engine"),
    ("Parkinglot", "Parkinglot"),
];

/// Compares every field of `full` with the console, and the other files with `full`.
fn assert_files_agree_with_the_console(directory: &Path, shown: &BTreeMap<String, String>) {
    let full = fields(&directory.join("full"));
    for (label, field) in SAME {
        assert_eq!(full[*field], shown[*label], "{field} of {}, {label}", directory.display());
    }
    let set_or_empty =
        |label: &str| shown.get(label).map(|value| value.replace("<Not set>", "")).unwrap_or_default();
    let truth = |label: &str| if shown[label].starts_with("Yes") { "True" } else { "False" };
    assert_eq!(full["subscribecontext"], set_or_empty("Subscr.Cont."));
    assert_eq!(full["fromuser"], set_or_empty("FromUser"));
    assert_eq!(full["fromdomain"], set_or_empty("FromDomain").split(" Port ").next().unwrap_or_default());
    assert_eq!(full["accountcode"], set_or_empty("Accountcode"));
    assert_eq!(full["autoframing"], truth("Auto-Framing"));
    assert_eq!(full["is_realtime"], truth("Realtime peer"));
    assert_eq!(format!("{} ms", full["keepalive"]), shown["Keepalive"]);
    assert_eq!(format!("{} ms", full["qualifyfreq"]), shown["Qualify Freq"]);
    assert_eq!(format!("{} kbps", full["maxcallbitrate"]), shown["MaxCallBR"]);

    let credentials = fields(&directory.join("credentials"));
    let order: Vec<String> = text(&directory.join("credentials"))
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.to_owned()))
        .collect();
    assert_eq!(order, CREDENTIALS);
    for (name, value) in &credentials {
        let told = !["secret", "md5secret", "remotesecret", "regexten"].contains(&name.as_str());
        assert_eq!(value, if told { &full[name] } else { "" }, "{name}");
    }
    assert_eq!(
        text(&directory.join("contexts")),
        format!("context={}\nsubscribecontext={}\n", full["context"], full["subscribecontext"])
    );
    let codecs = text(&directory.join("codecs"));
    let names: Vec<&str> = codecs.lines().take_while(|line| !line.contains('=')).collect();
    assert_eq!(format!("({})", names.join("|")), shown["Codecs"]);
    let media = fields(&directory.join("codecs"));
    for (name, field) in [
        ("t38_maxdatagram", "t38_maxdatagram"),
        ("timer_t1", "timer_t1"),
        ("timerb", "timer_b"),
        ("maxcallbitrate", "maxcallbitrate"),
        ("qualifyfreq", "qualifyfreq"),
        ("autoframing", "autoframing"),
    ] {
        assert_eq!(media[name], full[field], "{name}");
    }
    assert_eq!(fields(&directory.join("huntgroups"))["vmexten"], shown["VM Extension"]);
}

#[test]
fn files_agree_with_the_console_field_by_field() {
    let Some((server, mounted)) = shipped_on_16(&[("sip_rich.conf", RICH)]) else { return };
    let friends = mounted.join("users/sipfriends");
    let mut phone = Register::new(server.sip_address(), "6001", "pw6001")
        .expect("a phone has a socket")
        .with_user_agent("desk/1.0");
    phone.register(HOUR).expect("6001 registers");
    measure("6001 online", PATIENCE, || is_there(&friends.join("_online/6001")));

    for peer in ["6001", "6002", "fax", "rich", "zhecka"] {
        assert_files_agree_with_the_console(&friends.join(peer), &shown(&server, peer));
    }
    for peer in ["person", "mtrf", "_online"] {
        let directory = if peer == "_online" { "_online~2" } else { peer };
        assert_files_agree_with_the_console(
            &mounted.join("peers/sip").join(directory),
            &shown(&server, peer),
        );
    }
    let full = fields(&friends.join("6001/full"));
    assert_eq!((full["cid_name"].as_str(), full["cid_num"].as_str()), ("Ünï Çode", "6001"));
    assert_eq!(full["Description"], r#"Desk phone; "quoted""#);
    assert_eq!(full["username"], "6001");
    assert_eq!(full["t38_maxdatagram"], "-1");
    assert!(["ChanVariable.0", "ChanVariable.1"].iter().any(|name| full[*name] == "BAZ=qux=1"), "{full:?}");
    assert_eq!(fields(&friends.join("fax/full"))["Description"], r#"The "fax" \ in the 'hall'"#);

    let rich = fields(&friends.join("rich/full"));
    assert_eq!((rich["cid_name"].as_str(), rich["cid_num"].as_str()), (r#"Rich "O" \ Hara <x>"#, "7001"));
    assert_eq!((rich["autoframing"].as_str(), rich["t38_maxdatagram"].as_str()), ("True", "400"));
    assert_eq!(rich["Description"], r#""quoted" 'and' \ so on"#);
}

#[test]
fn a_user_shows_what_the_console_tells_of_it() {
    let long = "[a-friend-with-a-name-beyond-the-25-bytes]\ntype = friend\nhost = dynamic\n\
        [Юлия-Константиновна-Петрова]\ntype = friend\nhost = dynamic\n\
        [a-user-with-a-name-beyond-25-bytes]\ntype = user\ncontext = elsewhere\n";
    let Some((_server, mounted)) = shipped_on_16(&[("sip_long.conf", long.as_bytes())]) else { return };
    let users = mounted.join("users/sipusers");
    assert_eq!(records(&users), ["a-user-with-a-name-beyond", "trunk-in"]);
    assert_eq!(names(&users.join("_offline")), ["a-user-with-a-name-beyond", "trunk-in"]);
    for friend in ["a-friend-with-a-name-beyond-the-25-bytes", "Юлия-Константиновна-Петрова"]
    {
        assert!(is_there(&mounted.join("users/sipfriends").join(friend)), "{friend}");
        assert_eq!(fields(&mounted.join("users/sipfriends").join(friend).join("full"))["name"], friend);
    }

    let full = fields(&users.join("trunk-in/full"));
    assert_eq!((full["name"].as_str(), full["type"].as_str()), ("trunk-in", "user"));
    assert_eq!((full["maxcallbr"].as_str(), full["autoframing"].as_str()), ("384 kbps", "False"));
    assert_eq!(text(&users.join("trunk-in/contexts")), "context=default\nsubscribecontext=\n");
    assert_eq!(fields(&users.join("trunk-in/credentials"))["secret"], "");
    let cut = users.join("a-user-with-a-name-beyond");
    assert_eq!(fields(&cut.join("contexts"))["context"], "elsewhere", "the list tells that much");
    assert_eq!(fields(&cut.join("full"))["type"], "user");
}

#[test]
fn hostile_names_are_all_there_readable_and_linked() {
    let Some((_server, mounted)) = shipped_on_16(&[]) else { return };
    let peers = mounted.join("peers/sip");
    let cut = "a-name-of-eighty-four-characters-that-goes-on-and-on-until-nobody-wants-to-read";
    let expected = [
        ("with space", "with space"),
        ("Ünï", "Ünï"),
        ("person%2Fperson", "person/person"),
        ("_online~2", "_online"),
        ("%2E.", ".."),
        ("..%2F6001", "../6001"),
        ("semi;colon", "semi;colon"),
        ("\"quoted\"", "\"quoted\""),
        ("back\\slash", "back\\slash"),
        ("trailing blank ", "trailing blank "),
        ("-END-", "-END-"),
        (cut, cut),
    ];
    let listed = records(&peers);
    for (directory, name) in expected {
        assert!(listed.iter().any(|listed| listed == directory), "{directory} is not in {listed:?}");
        for file in ["full", "credentials"] {
            assert_eq!(fields(&peers.join(directory).join(file))["name"], name);
        }
        for file in ["codecs", "contexts", "huntgroups"] {
            assert!(!text(&peers.join(directory).join(file)).is_empty());
        }
        let link = peers.join("_offline").join(directory);
        assert_eq!(fs::read_link(&link).expect("it is a link"), Path::new("..").join(directory));
        assert_eq!(fields(&link.join("full"))["name"], name, "the link leads to its own peer");
    }
    // beside these: mtrf, person
    assert_eq!(listed.len(), expected.len() + 2, "{listed:?}");
    let description = &fields(&peers.join("-END-/full"))["Description"];
    assert_eq!(description, "--END COMMAND--");
}

#[test]
fn files_with_secrets_are_for_their_owner_and_others_as_declared() {
    let Some((_server, mounted)) = shipped_on_16(&[]) else { return };
    let owner = fs::metadata(mounted.path()).expect("the mount answers").uid();
    assert_eq!(owner, nix::unistd::geteuid().as_raw());
    let mut seen = [0; 4];
    for path in ["peers", "users"].into_iter().flat_map(|name| walk(&mounted.join(name))) {
        let metadata = fs::symlink_metadata(&path).expect("what is listed is there");
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        let (kind, mode) = if metadata.is_dir() {
            (0, 0o555)
        } else if metadata.is_symlink() {
            (1, 0o777)
        } else if ["full", "credentials"].contains(&name.as_str()) {
            (2, 0o400)
        } else {
            (3, 0o444)
        };
        seen[kind] += 1;
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{}", path.display());
        assert_eq!(metadata.uid(), owner, "{}", path.display());
    }
    assert!(seen.iter().all(|count| *count > 10), "{seen:?}");
}

#[test]
fn cat_and_the_mount_give_the_same_bytes_of_every_file() {
    let Some((server, mounted)) = shipped_on_16(&[("sip_rich.conf", RICH)]) else { return };
    let all = ["peers", "users", "registrations"].into_iter().flat_map(|name| walk(&mounted.join(name)));
    let is_file = |path: &PathBuf| fs::symlink_metadata(path).expect("what is listed is there").is_file();
    let files: Vec<PathBuf> = all.filter(is_file).collect();
    assert!(files.len() > 300, "{} files", files.len());
    let inside = |path: &PathBuf| path.strip_prefix(mounted.path()).expect("it is below").to_owned();
    let paths: Vec<PathBuf> = files.iter().map(inside).collect();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    // the server finds out meanwhile whom it can reach, and counts down
    measure("the same from both", PATIENCE * 4, || {
        let printed = run("cat", &shipped(), &paths, &server);
        assert!(printed.status.success(), "{printed:?}");
        let read = |path| fs::read(path).expect("it can be read");
        printed.stdout == files.iter().flat_map(read).collect::<Vec<u8>>()
    });
}

#[test]
fn iax_peers_and_users_are_there() {
    let Some((_server, mounted)) = shipped_on_16(&[]) else { return };
    assert_eq!(records(&mounted.join("peers/iax2")), ["iax1", "iax2"]);
    assert_eq!(records(&mounted.join("users/iax2")), ["iax1"]);
    let peer = fields(&mounted.join("peers/iax2/iax2/full"));
    assert_eq!((peer["IPaddress"].as_str(), peer["Dynamic"].as_str()), ("127.0.0.1", "no"));
    let user = fields(&mounted.join("users/iax2/iax1/full"));
    assert_eq!((user["secret"].as_str(), user["def_context"].as_str()), ("iaxpw", "default"));
}
