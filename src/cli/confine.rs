//! What a mount still needs when it serves: the files of its tree, and where they may be saved anew.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::connect::REPLAY;
use super::{CliError, TreeSelection, logging, open};
use crate::fs::Mounter;
use crate::language::{Encryption, Model, Origin, Question, SecretSource};
use crate::sandbox::{self, Needs};

/// Gives up what serving that tree does not take, for this thread and all that it starts from now on. Whether
/// files are among it.
///
/// # Errors
/// If the tree file cannot be read. Mistakes in it are for those who open it.
pub fn confine(
    selection: &TreeSelection,
    log_file: Option<&Path>,
    mounter: &Mounter,
) -> Result<bool, CliError> {
    sandbox::hide_memory();
    let (model, report) = open::load(&selection.tree, &selection.server, None)?;
    let Some(model) = model else { return Ok(false) };
    if let Some(query) = model.runs_program().filter(|_| selection.server.allow_exec) {
        let query = query.name_on_each();
        tracing::info!(
            "query `{query}` may run a program, which may need anything: privileges and files are kept"
        );
        return Ok(false);
    }
    let mut files: Vec<PathBuf> = report.files().iter().cloned().collect();
    files.extend(files_of_servers(&model, selection));
    files.extend(files_of_origins(&model));
    let folders: BTreeSet<PathBuf> = files.iter().flat_map(|file| folders(file)).collect();
    let needs = Needs {
        reads: folders.into_iter().collect(),
        writes: log_file.map(Path::to_owned).into_iter().collect(),
    };
    needs.confine();
    mounter.run(|| {
        if let Err(error) = sandbox::keep_what_mounting_takes() {
            tracing::info!("the thread that mounts keeps its capabilities: {error}");
        }
    })?;
    logging::on_its_thread(move || needs.confine_silently());
    Ok(true)
}

/// What is read to connect: secrets, certificates and recordings.
fn files_of_servers(model: &Model, selection: &TreeSelection) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = selection.server.secret_file.iter().cloned().collect();
    let given = selection
        .server
        .server
        .iter()
        .map(|given| given.split_once('=').map_or(given.as_str(), |(_, at)| at));
    let declared = model.servers.values().filter_map(|server| server.address.as_deref());
    files.extend(given.chain(declared).filter_map(|address| address.strip_prefix(REPLAY)).map(PathBuf::from));
    for server in model.servers.values() {
        if let Some(SecretSource::File(path)) = &server.secret {
            files.push(path.clone());
        }
        if let Some(Encryption::Tls(tls)) = &server.encryption {
            files.extend(tls.paths().map(Path::to_owned));
        }
    }
    files
}

/// What is read beside the servers: files, of whose paths only the beginning may be known, and what is shown to,
/// or believed of, those that are asked by URL.
fn files_of_origins(model: &Model) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let texts = model.templates.texts();
    for query in &model.queries {
        match &query.question {
            Question::Origin(Origin::File(path)) => {
                files.extend(texts.get(path).map(|path| known_part(path)));
            }
            Question::Origin(Origin::Url { authorization, certificates, .. }) => {
                files.extend(certificates.clone());
                if let Some(SecretSource::File(path)) = authorization.as_ref().map(|one| &one.secret) {
                    files.push(path.clone());
                }
            }
            _ => {}
        }
    }
    files
}

/// The path as far as it is no template; a folder if anything follows.
fn known_part(path: &str) -> PathBuf {
    let Some(begins) = ["{{", "{%", "{#"].iter().filter_map(|opens| path.find(opens)).min() else {
        return path.into();
    };
    let end = path[..begins].rfind('/').map_or(0, |slash| slash + 1);
    if end == 0 { "/".into() } else { path[..end].into() }
}

/// The folders in which a file is replaced when it is saved; those of what a link leads to too. What is not there
/// has none: where it was looked for may be anywhere.
fn folders(file: &Path) -> impl Iterator<Item = PathBuf> {
    let of = |path: &Path| -> Option<PathBuf> {
        if path.is_dir() {
            return path.canonicalize().ok();
        }
        let above = path.parent()?;
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        above.canonicalize().ok()
    };
    let real = file.canonicalize().ok();
    let near = real.is_some().then(|| of(file)).flatten();
    [near, real.as_deref().and_then(of)].into_iter().flatten()
}

/// The first of these that is there and cannot be read.
pub fn unreadable(files: &BTreeSet<PathBuf>) -> Option<&Path> {
    let is_denied =
        |path: &&PathBuf| File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    files.iter().find(is_denied).map(PathBuf::as_path)
}

/// What is to be done about a file that is out of reach since the mount was started.
pub fn out_of_reach(path: &Path) -> String {
    format!(
        "note: {} is out of reach: a mount reads only the folders that its tree was in when it was mounted; mount it \
         anew, or with --no-sandbox\n",
        path.display()
    )
}
