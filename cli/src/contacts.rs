//! Contacts in a CSV file, as a spreadsheet or a CRM exports them.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use clap::Args;
use csv::{ByteRecord, Reader, ReaderBuilder};
use leadhook::base::country::Country;
use leadhook::base::unicode::tidy_word;
use leadhook::pipeline::lead::Identifier;

use super::host;
use super::person;
use super::terminal::line;

/// The default names of the column with the e-mail addresses.
const EMAIL_COLUMNS: [&str; 3] = ["email", "e-mail", "mail"];

#[derive(Args)]
pub struct CsvFile {
    /// The CSV file, with the names of the columns in its first line
    file: PathBuf,
    /// The column with e-mail addresses [default: email, e-mail or mail]
    #[arg(long)]
    column: Option<String>,
    /// The column with phone numbers
    #[arg(long)]
    phone_column: Option<String>,
    /// The country of phone numbers without + and country code, such as SE
    #[arg(long)]
    country: Option<String>,
    /// The character between columns
    #[arg(long, default_value = ",")]
    delimiter: char,
}

/// A file that is being read.
pub struct Contacts {
    reader: Reader<Cursor<Vec<u8>>>,
    file: PathBuf,
    email: Option<usize>,
    phone: Option<usize>,
    country: Option<Country>,
    record: ByteRecord,
}

/// One line: its people, and whether all of it could be read.
pub struct Row {
    pub people: Vec<Identifier>,
    pub line: u64,
    pub is_readable: bool,
}

impl Contacts {
    pub fn open(options: &CsvFile) -> Result<Self, String> {
        let name = options.file.display();
        let country = options.country.as_deref().map(|code| {
            Country::parse(code)
                .ok_or_else(|| format!("--country: {code:?} is not a country code such as SE or DE"))
        });
        let delimiter = u8::try_from(options.delimiter).ok().filter(u8::is_ascii);
        let delimiter = delimiter.ok_or("--delimiter: must be an ASCII character such as ;")?;
        let bytes = host::read(&options.file).map_err(|refusal| format!("{name}: {refusal}"))?;
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(Cursor::new(bytes));
        let header = reader.byte_headers().map_err(|error| unreadable(&options.file, &error))?;
        let header: Vec<String> =
            header.iter().map(|cell| tidy_word(&String::from_utf8_lossy(cell)).into_owned()).collect();
        let position = |wanted: &str| header.iter().position(|known| same(known, wanted));
        let column = |wanted: &Option<String>| match wanted {
            Some(wanted) => {
                let lacking = || format!("{name} has no column {wanted:?}; {}", columns(&header));
                position(wanted).map(Some).ok_or_else(lacking)
            }
            None => Ok(None),
        };
        let phone = column(&options.phone_column)?;
        let email = column(&options.column)?.or_else(|| EMAIL_COLUMNS.into_iter().find_map(position));
        if email.is_none() && phone.is_none() {
            let columns = columns(&header);
            return Err(format!(
                "{name} has no column email, e-mail or mail; {columns}. Name one with --column"
            ));
        }
        let (file, country) = (options.file.clone(), country.transpose()?);
        Ok(Self { reader, file, email, phone, country, record: ByteRecord::new() })
    }

    /// Returns the next line; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Row>, String> {
        if !self.reader.read_byte_record(&mut self.record).map_err(|error| unreadable(&self.file, &error))? {
            return Ok(None);
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        let cell = |column: Option<usize>| {
            let cell = self.record.get(column?)?;
            // Text that is not UTF-8 is no address either.
            let text = str::from_utf8(cell).unwrap_or("?").trim();
            Some(text).filter(|text| !text.is_empty())
        };
        let email = cell(self.email).map(person::email);
        let phone = cell(self.phone).map(|text| person::phone(text, self.country));
        let found = [email, phone].into_iter().flatten().collect::<Vec<_>>();
        let is_readable = !found.is_empty() && found.iter().all(Option::is_some);
        Ok(Some(Row { people: found.into_iter().flatten().collect(), line, is_readable }))
    }
}

fn same(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.trim().to_lowercase()
}

/// Returns the error of a line, without its content.
fn unreadable(file: &Path, error: &csv::Error) -> String {
    let at = error.position().map_or_else(String::new, |position| format!(" at line {}", position.line()));
    format!("{}: cannot be read as CSV{at}", file.display())
}

/// Returns the columns of the header for an error, unless the file has no header and begins with somebody's address.
fn columns(header: &[String]) -> String {
    if header.iter().any(|cell| cell.contains('@') || cell.chars().filter(char::is_ascii_digit).count() > 5) {
        return "its first line holds data: add a line with the names of the columns".to_owned();
    }
    let hint = match header {
        [one] if one.contains(';') => " (try --delimiter ';')",
        [one] if one.contains('\t') => " (try --delimiter with a tab)",
        _ => "",
    };
    line(&format!("it has {}{hint}", header.join(", ")))
}
