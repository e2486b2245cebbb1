//! Files of NAME="value" lines: the key file on the operator's machine, and `.dev.vars`.

use std::path::{Path, PathBuf};

use leadhook::settings::Settings;

use super::host::{self, Readers, Refusal};

/// The default key file.
pub const KEYS_FILE: &str = "leadhook.keys";
/// The key file of development, which `leadhook dev` writes.
pub const DEV_VARS: &str = ".dev.vars";
pub const PEPPERS: &str = "LEADHOOK_PEPPERS";
pub const SEALING: &str = "LEADHOOK_SEALING_KEYS";
pub const SIGNING: &str = "LEADHOOK_SIGNING_KEYS";
pub const LISTS: &str = "LEADHOOK_LIST_KEYS";
pub const ADMIN_TOKEN: &str = "LEADHOOK_ADMIN_TOKEN";
pub const ADMIN_TOKENS: &str = "LEADHOOK_ADMIN_TOKENS";
pub const SECRET_HOSTS: &str = "LEADHOOK_SECRET_HOSTS";
/// 32 bytes that seal nothing: `Settings` requires a key even if none is used.
const UNUSED_KEY: &str = "unused:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The lines of such a file, unchanged.
pub struct Vars {
    file: PathBuf,
    lines: Vec<String>,
}

impl Vars {
    pub fn read(file: &Path) -> Result<Self, String> {
        Self::of(file, &host::read(file).map_err(|refusal| format!("{}: {refusal}", file.display()))?)
    }

    /// Reads a file, or an empty one if there is none.
    pub fn read_or_new(file: &Path) -> Result<Self, String> {
        match host::read(file) {
            Err(Refusal::Missing) => Self::of(file, b""),
            Err(refusal) => Err(format!("{}: {refusal}", file.display())),
            Ok(bytes) => Self::of(file, &bytes),
        }
    }

    fn of(file: &Path, bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| format!("{}: is not UTF-8", file.display()))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let mut known: Vec<&str> = Vec::new();
        for name in lines.iter().filter_map(|line| Assignment::of(line)).map(|found| found.name) {
            if known.contains(&name) {
                return Err(format!("{}: {name} is set twice; remove one of the lines", file.display()));
            }
            known.push(name);
        }
        Ok(Self { file: file.to_owned(), lines })
    }

    /// Checks whether it is the default key file.
    pub fn is_usual(&self) -> bool {
        self.file == Path::new(KEYS_FILE)
    }

    pub fn file(&self) -> std::path::Display<'_> {
        self.file.display()
    }

    /// Returns the value of a name; `None` if it is absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found =
            self.lines.iter().filter_map(|line| Assignment::of(line)).find(|found| found.name == name)?;
        Some(found.value).filter(|value| !value.is_empty())
    }

    /// Returns the value of a name that must be there.
    pub fn need(&self, name: &str) -> Result<&str, String> {
        self.get(name).ok_or_else(|| format!("{name} is not in {}", self.file()))
    }

    /// Changes a value in place, or adds a line. The value holds no quotes.
    pub fn set(&mut self, name: &str, value: &str) {
        for line in &mut self.lines {
            if let Some(found) = Assignment::of(line).filter(|found| found.name == name) {
                *line = format!("{}\"{value}\"{}", found.before, found.after);
                return;
            }
        }
        if let Some(last) = self.lines.last_mut().filter(|last| !last.ends_with('\n')) {
            last.push('\n');
        }
        self.lines.push(format!("{name}=\"{value}\"\n"));
    }

    /// Replaces the file in one step, so that nobody ever finds half of it, readable by its owner only.
    pub fn write(&self) -> Result<(), String> {
        // A symbolic link stays one.
        let file = host::resolve(&self.file).unwrap_or_else(|_| self.file.clone());
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let temporary = file.with_file_name(format!(".{name}.{}.tmp", host::process_id()));
        let written = host::write_new(&temporary, &self.lines.concat(), Readers::Owner);
        let written = written.and_then(|()| host::rename(&temporary, &file));
        written.map_err(|refusal| {
            let _ = host::remove(&temporary);
            format!("{}: {refusal}", self.file())
        })
    }

    /// Returns the settings that fingerprints, histories and lists are computed with. Peppers and sealing keys may be
    /// missing if they are not needed.
    pub fn settings(&self, needs: &str) -> Result<Settings, String> {
        self.need(needs)?;
        let get = |name: &str| match name {
            PEPPERS | SEALING => Some(self.get(name).unwrap_or(UNUSED_KEY).to_owned()),
            SIGNING | LISTS => self.get(name).map(str::to_owned),
            _ => None,
        };
        Settings::read(get).map_err(|fault| format!("{}: {fault}", self.file()))
    }
}

/// A line that sets a name, with the parts before and after the quoted value.
struct Assignment<'a> {
    name: &'a str,
    value: &'a str,
    before: &'a str,
    after: &'a str,
}

impl<'a> Assignment<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once('=')?;
        let name = left.trim_start_matches('\u{feff}').trim();
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        let given = right.trim_start_matches([' ', '\t']);
        let before = line.strip_suffix(given)?;
        let quote = given.chars().next().filter(|first| matches!(first, '"' | '\''));
        let quoted = quote.and_then(|quote| given.get(1..)?.split_once(quote));
        let (value, after) = quoted.unwrap_or_else(|| {
            let end = given.find(" #").unwrap_or(given.len());
            let value = given.get(..end).unwrap_or(given).trim_end();
            (value, given.get(value.len()..).unwrap_or_default())
        });
        Some(Self { name, value, before, after })
    }
}
