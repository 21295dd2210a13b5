//! F22: a machine that has no room for more.

use std::process::Command;

use gatewright_store::RunLog;

use crate::runner::MISBEHAVE;

#[test]
fn f22_few_file_descriptors_mean_fewer_workers_and_no_lost_rows() {
    let folder = tempfile::tempdir().expect("folder");
    let run = folder.path().join("run");
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_run-to-log"))
        .arg(&run)
        .args(["100", "1", "32", "--", MISBEHAVE, "echo", "--delay-ms", "5"])
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let log = RunLog::read_only(&run).expect("log");
    assert_eq!(log.progress().expect("progress").ended.len(), 200);
}
