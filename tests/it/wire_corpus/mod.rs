//! Requests that somebody could read in two ways, or that say who somebody is.
//!
//! In: `tests/corpus/http/*.case`. Each is sent, byte for byte, to the running gateway in front of
//! an application that writes down what reaches it. Adding one needs no code.

mod case;
mod play;
mod upstream;

use std::path::Path;

use case::Case;
use play::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_of_the_corpus_of_requests_goes_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/http");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "case"))
        .collect();
    files.sort();
    assert!(files.len() >= 60, "{} cases", files.len());
    let mut complaints = Vec::new();
    let mut stage = Stage::default();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match Case::read(&std::fs::read_to_string(&file).unwrap()) {
            Ok(cases) => {
                for case in cases {
                    if let Err(complaint) = stage.play(&case).await {
                        complaints.push(format!("{name} ({}): {complaint}", case.name));
                    }
                }
            }
            Err(complaint) => complaints.push(format!("{name}: {complaint}")),
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
