//! SCIM as its clients speak it, to the built binary over HTTP.
//!
//! In: `tests/corpus/scim/*.http`, each a story of its own connection, and the conformance tools of
//! others. Out: every step that goes differently. Adding a story needs no code.

mod check;
mod fill;
mod play;
mod story;
mod tenants;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use story::Story;
use tenants::Tenants;

use crate::support::postgres::Postgres;

/// How many stories are told at the same time.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_story_of_the_corpus_goes_as_it_says_on_sqlite() {
    every_story_goes_as_it_says(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_story_of_the_corpus_goes_as_it_says_on_postgresql() {
    let postgres = Postgres::start().await;
    every_story_goes_as_it_says(Some(&postgres.url())).await;
}

/// On this database, or on one of the gateway's own.
async fn every_story_goes_as_it_says(database: Option<&str>) {
    let (stories, mut complaints) = stories();
    let steps: usize = stories.iter().map(|(_, story)| story.checks()).sum();
    let tenants = Arc::new(Tenants::start(&stories, database).await);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut telling = JoinSet::new();
    for (name, story) in stories {
        let (tenants, places) = (Arc::clone(&tenants), Arc::clone(&places));
        telling.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            // A task of its own: whatever stops one story stops no other.
            let mut told = JoinSet::new();
            told.spawn({
                let name = name.clone();
                async move {
                    let mut scene = tenants.scene(&name, &story).await;
                    play::play(&story, &mut scene).await
                }
            });
            let found = told.join_next().await.unwrap();
            let found = found.unwrap_or_else(|error| vec![error.to_string()]);
            found.into_iter().map(|what| format!("{name}.http: {what}")).collect::<Vec<_>>()
        });
    }
    while let Some(found) = telling.join_next().await {
        complaints.extend(found.unwrap());
    }
    complaints.sort();
    assert!(
        complaints.is_empty(),
        "\n{}\n{} complaints, {steps} checks\n",
        complaints.join("\n"),
        complaints.len()
    );
    assert!(steps >= 300 || only().is_some(), "{steps} checks");
}

/// All of them, or those whose names contain `SCIM_STORIES`; and what could not be read.
fn stories() -> (Vec<(String, Story)>, Vec<String>) {
    let folder = folder();
    let given = |name: &str| {
        let file = folder.join("given").join(name).with_extension("http");
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
        .collect();
    files.sort();
    let (mut stories, mut complaints) = (Vec::new(), Vec::new());
    for file in files {
        // `7644-3.5.1-put`: a stem has dots.
        let name = file.file_name().unwrap().to_str().unwrap().trim_end_matches(".http");
        if only().is_some_and(|only| !name.contains(&only)) {
            continue;
        }
        match Story::read(&std::fs::read_to_string(&file).unwrap(), &given) {
            Ok(story) => stories.push((name.to_owned(), story)),
            Err(complaint) => complaints.push(format!("{name}.http: {complaint}")),
        }
    }
    (stories, complaints)
}

#[expect(clippy::disallowed_methods, reason = "for whoever works on one story")]
fn only() -> Option<String> {
    std::env::var("SCIM_STORIES").ok().filter(|only| !only.is_empty())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/scim")
}

#[test]
fn every_story_can_be_read() {
    let (stories, complaints) = stories();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    assert!(stories.len() >= 90 || only().is_some());
}
