//! `users.database = "postgres://…"`.

use std::fmt;
use std::path::Path;
use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::base::{Secret, StoreError};

/// Which database.
#[derive(Clone)]
pub struct PostgresSettings {
    /// May hold a password, and is not printed.
    url: Secret<String>,
    options: Box<PgConnectOptions>,
    /// Where it is, without a password: for messages.
    place: String,
}

impl PostgresSettings {
    /// Reads an address, `postgres://user:password@host:port/database?sslmode=verify-full`. What it
    /// leaves out is taken from `PGHOST`, `PGUSER`, `PGPASSWORD`, … and `~/.pgpass`, as PostgreSQL's
    /// own programs do.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "postgres" | "postgresql"))
            .ok_or_else(|| StoreError::new("not an address of PostgreSQL"))?;
        if url.fragment().is_some() {
            return Err(StoreError::new(
                "an address of PostgreSQL has no fragment; a # in a password is written %23",
            ));
        }
        for (name, _) in url.query_pairs() {
            if !PARAMETERS.contains(&&*name) {
                return Err(StoreError::new(format_args!(
                    "{name} is not a parameter of an address of PostgreSQL; there are {}",
                    PARAMETERS.join(", ")
                )));
            }
        }
        // The driver's words may repeat the address, and the password in it.
        let options = PgConnectOptions::from_str(text)
            .map_err(|_| StoreError::new("a parameter of the address can not be read"))?;
        let database = options.get_database().filter(|name| !name.is_empty());
        let Some(database) = database else {
            return Err(StoreError::new("the address names no database"));
        };
        let place = match options.get_socket() {
            Some(socket) => format!("{database} in {}", socket.display()),
            None => format!(
                "{database} at {}:{}",
                options.get_host(),
                options.get_port()
            ),
        };
        let place = format!("PostgreSQL {place}");
        let options = options.application_name("samlgate").disable_statement_logging();
        Ok(Self {
            url: Secret::new(text.to_owned()),
            options: Box::new(options),
            place,
        })
    }

    /// Whether what is said on the way may be read or changed by others: another machine, without
    /// TLS that proves who it is.
    pub fn is_exposed(&self) -> bool {
        let host = self.options.get_host();
        let local = self.options.get_socket().is_some()
            || host.starts_with('/')
            || host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let proven = matches!(
            self.options.get_ssl_mode(),
            PgSslMode::VerifyFull | PgSslMode::VerifyCa
        );
        !local && !proven
    }

    /// For PostgreSQL's own programs: an address without the password, and the password.
    pub fn for_tools(&self) -> (String, Option<Secret<String>>) {
        let Ok(mut url) = Url::parse(self.url.reveal()) else {
            return (String::new(), None);
        };
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
        };
        let mut password = url.password().map(decode);
        // An address that has no place for a password has none in that place.
        let _ = url.set_password(None);
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        url.set_query(None);
        for (name, value) in pairs {
            match name.as_str() {
                "password" => password = Some(value),
                // The driver's own.
                "statement-cache-capacity" => {}
                _ => {
                    url.query_pairs_mut().append_pair(&name, &value);
                }
            }
        }
        (url.into(), password.map(Secret::new))
    }

    /// Where `sslrootcert` and the others are looked for is up to the driver; whether they are there
    /// is said early.
    pub fn missing_file(&self) -> Option<String> {
        let url = Url::parse(self.url.reveal()).ok()?;
        url.query_pairs()
            .filter(|(name, _)| name.starts_with("ssl") && name != "sslmode")
            .find(|(_, path)| !Path::new(&**path).is_file())
            .map(|(name, path)| format!("{name}: there is no file {path}"))
    }

    /// What connects there.
    pub(super) fn options(&self) -> PgConnectOptions {
        PgConnectOptions::clone(&self.options)
    }
}

/// Where it is.
impl fmt::Display for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresSettings({})", self.place)
    }
}

/// Those of PostgreSQL's own programs that the driver knows, and one of its own.
const PARAMETERS: &[&str] = &[
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "options",
    "statement-cache-capacity",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_database_and_hides_its_password() {
        let settings = PostgresSettings::parse(
            "postgres://gate:hunter%232@db.example.com:5433/people?sslmode=verify-full",
        )
        .unwrap();
        assert_eq!(
            settings.to_string(),
            "PostgreSQL people at db.example.com:5433"
        );
        assert!(!format!("{settings:?}").contains("hunter"));
        assert!(!settings.is_exposed());
        let (url, password) = settings.for_tools();
        assert_eq!(
            url,
            "postgres://gate@db.example.com:5433/people?sslmode=verify-full"
        );
        assert_eq!(password.unwrap().reveal(), "hunter#2");
        let local = PostgresSettings::parse("postgresql:///people?host=/run/postgresql").unwrap();
        assert_eq!(local.to_string(), "PostgreSQL people in /run/postgresql");
        assert!(!local.is_exposed());
        let open = PostgresSettings::parse("postgres://db/people?sslmode=require").unwrap();
        assert!(open.is_exposed(), "encrypted for whoever answers");
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_its_password() {
        for text in [
            "postgres://",
            "postgres://gate:hunter2@db",
            "postgres://gate:hunter2@db/x#y",
            "postgres://gate:hunter2@db/x?sslmod=require",
            "postgres://gate:hunter2@db/x?sslmode=hunter2",
            "postgres://gate:hunter2@db:x/x",
            "mysql://gate:hunter2@db/x",
        ] {
            let error = PostgresSettings::parse(text).unwrap_err();
            assert!(!error.detail.contains("hunter2"), "{}", error.detail);
        }
    }
}
