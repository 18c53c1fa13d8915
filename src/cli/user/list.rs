//! `samlgate user list`: everybody who is known.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{email, name, state, whose};
use crate::base::{ConnectionName, IdpName, StoreError, Timestamp};
use crate::cli::output::Table;
use crate::cli::scim::{connection_name, find_connection};
use crate::cli::stores::{Stores, moment, with_stores};
use crate::cli::{ConfigFile, idp_name, output};
use crate::config::Loaded;
use crate::directory::{Record, Tenant};

/// Arguments of `user list`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ListArgs {
    /// People of this connection alone.
    #[arg(long, value_name = "NAME", value_parser = connection_name)]
    connection: Option<ConnectionName>,
    /// People of this identity provider alone.
    #[arg(long, value_name = "NAME", value_parser = idp_name)]
    idp: Option<IdpName>,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints a table, or JSON.
pub(super) async fn run(args: ListArgs, loaded: Loaded) -> ExitCode {
    with_stores(&loaded.config, async |stores| {
        let tenant = match &args.connection {
            Some(name) => Some(find_connection(stores, name).await?.tenant()),
            None => None,
        };
        let is_wanted =
            |record: &Record| args.idp.is_none() || record.user.idp.as_ref() == args.idp.as_ref();
        let mut table = Table::new(&[
            "USERNAME",
            "NAME",
            "E-MAIL",
            "STATE",
            "OF",
            "LAST LOGIN",
            "ID",
        ]);
        let (mut all, mut people) = (Vec::new(), Pages::new(tenant));
        let mut any = false;
        while let Some(page) = people.next(stores).await? {
            for record in page.iter().filter(|record| is_wanted(record)) {
                any = true;
                match args.json {
                    true => all.push(as_json(record)),
                    false => table.row(as_row(record)),
                }
            }
        }
        if args.json {
            return Ok(output::json(&Value::Array(all)));
        }
        if !any {
            output::note("there is nobody");
            return Ok(ExitCode::SUCCESS);
        }
        Ok(output::data(&table.to_string()))
    })
    .await
}

/// Everybody, a page at a time.
pub(super) struct Pages {
    tenant: Option<Tenant>,
    after: Option<i64>,
}

/// As many are asked for at once.
const PAGE: u32 = 500;

impl Pages {
    pub(super) const fn new(tenant: Option<Tenant>) -> Self {
        Self { tenant, after: None }
    }

    /// The next ones; `None` when that were all.
    pub(super) async fn next(
        &mut self,
        stores: &Stores,
    ) -> Result<Option<Vec<Record>>, StoreError> {
        let page = stores.people.records(self.tenant.as_ref(), self.after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.after = Some(last.number);
        Ok(Some(page))
    }
}

fn as_row(record: &Record) -> [String; 7] {
    let user = &record.user;
    [
        user.user_name.clone(),
        name(record).unwrap_or_default(),
        email(record).unwrap_or_default(),
        state(record).to_owned(),
        whose(record),
        moment(user.last_login_at),
        user.id.to_string(),
    ]
}

/// A person for programs, without what costs another question.
pub(super) fn as_json(record: &Record) -> Value {
    let user = &record.user;
    json!({
        "id": user.id,
        "userName": user.user_name,
        "externalId": user.external_id,
        "name": name(record),
        "email": email(record),
        "state": state(record),
        "active": user.active,
        "locked": user.locked,
        "provisioned": user.managed,
        "connection": record.tenant.connection(),
        "idp": user.idp,
        "created": user.created_at.to_saml(),
        "last_login": user.last_login_at.map(Timestamp::to_saml),
        "deleted": record.deleted_at.map(Timestamp::to_saml),
    })
}
