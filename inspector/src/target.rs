//! What can be looked at, and what was looked at before.

use std::fs;
use std::path::{Path, PathBuf};

/// How many are remembered.
const KEEP: usize = 12;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A run that is served at an address.
    Address(String),
    /// A recording.
    Recording(PathBuf),
    /// A graph file: what would be run.
    Graph(PathBuf),
}

impl Target {
    /// What a user means: a file that is there or a path, else an address.
    pub fn of(text: &str) -> Self {
        let path = Path::new(text);
        let is_path = path.exists() || text.contains(std::path::MAIN_SEPARATOR);
        match path.extension().and_then(|e| e.to_str()) {
            Some("json") => Self::Graph(path.to_owned()),
            Some("rec") => Self::Recording(path.to_owned()),
            _ if is_path => Self::Recording(path.to_owned()),
            _ => Self::Address(text.to_owned()),
        }
    }

    /// As the user would write it.
    pub fn text(&self) -> String {
        match self {
            Self::Address(address) => address.clone(),
            Self::Recording(path) | Self::Graph(path) => path.display().to_string(),
        }
    }

    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Recording(_) => "recording",
            Self::Graph(_) => "graph",
        }
    }
}

/// What was looked at before, the latest first.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    file: Option<PathBuf>,
    /// The targets.
    pub targets: Vec<Target>,
}

impl Recent {
    /// That of this user. Where there is no place for it, it is forgotten with the window.
    pub fn load() -> Self {
        let folder = dirs::cache_dir().map(|folder| folder.join("engine"));
        folder.map_or_else(Self::default, |folder| Self::from(folder.join("inspector-recent")))
    }

    /// That of a file, a target a line.
    pub fn from(file: PathBuf) -> Self {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let targets = text.lines().filter(|line| !line.is_empty()).map(Target::of).take(KEEP).collect();
        Self { file: Some(file), targets }
    }

    /// Remembers one more.
    pub fn add(&mut self, target: &Target) {
        let target = match target {
            Target::Address(_) => target.clone(),
            // From whichever folder the next window is opened.
            Target::Recording(path) => Target::Recording(whole(path)),
            Target::Graph(path) => Target::Graph(whole(path)),
        };
        self.targets.retain(|t| *t != target);
        self.targets.insert(0, target);
        self.targets.truncate(KEEP);
        if let Some(file) = &self.file {
            let text: String = self.targets.iter().map(|target| target.text() + "\n").collect();
            // That it cannot be written is no reason to show nothing.
            file.parent().map(fs::create_dir_all);
            fs::write(file, text).ok();
        }
    }
}

fn whole(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_addresses_are_told_apart() {
        assert_eq!(Target::of("127.0.0.1:7007"), Target::Address("127.0.0.1:7007".into()));
        assert_eq!(Target::of("gpu-box:7007"), Target::Address("gpu-box:7007".into()));
        assert_eq!(Target::of("run.rec"), Target::Recording("run.rec".into()));
        assert_eq!(Target::of("graphs/cifar.json"), Target::Graph("graphs/cifar.json".into()));
        assert_eq!(Target::of("./last"), Target::Recording("./last".into()));
    }

    #[test]
    fn the_latest_comes_first_and_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("recent");
        let mut recent = Recent::from(file.clone());
        for text in ["a:1", "b:2", "a:1"] {
            recent.add(&Target::of(text));
        }
        assert_eq!(Recent::from(file.clone()).targets, [Target::of("a:1"), Target::of("b:2")]);
        for port in 0..30 {
            recent.add(&Target::Address(format!("c:{port}")));
        }
        assert_eq!(Recent::from(file).targets.len(), KEEP);
    }
}
