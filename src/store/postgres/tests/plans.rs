//! With many people in it, PostgreSQL reads no table as a whole to find a few of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::super::PostgresStore;
use super::server::Server;
use crate::base::{ConnectionName, GroupId, IdpName, UserId};
use crate::directory::{
    Actor, Begin, Change, Connection, ConnectionSettings, Connections, DirectoryStore as _,
    GroupParts, Identifiers, Operator, Outcome, People, Provisioning, Query, ScimToken, Scopes,
    Sort, Standings, Tenant, UserParts, Written,
};
use crate::scim::document::Member;
use crate::scim::entries::entries;
use crate::scim::filter::Target;
use crate::scim::patch::MemberChange;
use crate::scim::schema::ENTERPRISE;
use crate::scim::{Catalogue, Document, Filter, ResourceKind};
use crate::store::sql::plan_of;
use crate::store::suite::at;

/// So many people, and a tenth as many groups.
const PEOPLE: i64 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_filter_means_is_found_by_an_index() {
    let server = Server::start().await;
    let store = server.empty("plans").await;
    let actor = fill(&store, &mut server.connect("plans").await).await;
    what_finds_few_is_asked_of_an_index(&store, &actor.connection.tenant()).await;
    // Their statistics are told when connections end.
    store.close().await;
    let before = whole_readings(&server).await;
    let store = Arc::new(PostgresStore::open(&server.settings("plans")).await.unwrap());
    everyday_work(&store, &actor).await;
    store.close().await;
    assert_eq!(
        whole_readings(&server).await,
        before,
        "tables were read as a whole"
    );
}

async fn what_finds_few_is_asked_of_an_index(store: &Arc<PostgresStore>, tenant: &Tenant) {
    use ResourceKind::{Group, User};
    let catalogue = Catalogue::standard();
    let mut complaints = Vec::new();
    for (kind, filter, index) in [
        (User, "userName eq \"u7000\"", "user_named"),
        (User, "userName sw \"u70\"", "user_named"),
        (User, "externalId eq \"e7000\"", "user_external_id"),
        (User, "id eq \"i7000\"", "user_id"),
        (User, "active eq false", "user_inactive"),
        (User, "emails.value eq \"u7000@example.com\"", "value_is"),
        (
            User,
            "emails[type eq \"work\" and value eq \"u7000@example.com\"]",
            "value_is",
        ),
        (User, "name.familyName sw \"family70\"", "value_is"),
        (User, "title co \"title700\"", "value_is"),
        (
            User,
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq \"7000\"",
            "value_is",
        ),
        (
            User,
            "userName eq \"u7\" or emails eq \"u8@example.com\"",
            "value_is",
        ),
        (
            User,
            "meta.lastModified gt \"2100-01-01T00:00:00Z\"",
            "user_changed",
        ),
        (User, "groups.value eq \"g700\"", "member"),
        (User, "groups.display eq \"group700\"", "grp_named"),
        (User, "not (title pr)", "Index Scan using user_"),
        (User, "title pr", "Index Scan using user_"),
        (Group, "displayName eq \"group700\"", "grp_named"),
        (Group, "externalId eq \"ge700\"", "grp_external_id"),
        (Group, "members.value eq \"i7000\"", "member_of"),
        (
            Group,
            "members[value eq \"i7000\" and type eq \"User\"]",
            "member_of",
        ),
    ] {
        let wanted = Filter::parse(&catalogue, kind, filter).unwrap();
        let plan = plan_of(&**store, kind, tenant, &wanted).await;
        let whole = |table: &str| plan.contains(&format!("Seq Scan on {table} "));
        if !plan.contains(index)
            || ["\"user\"", "value", "member", "grp"].iter().any(|table| whole(table))
        {
            complaints.push(format!("{filter}:\n{plan}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// How often people and their values were read from the first to the last. (Of groups and members there
/// are few enough here for PostgreSQL to read them all sooner than some hundreds of them by an index.)
async fn whole_readings(server: &Server) -> BTreeMap<String, i64> {
    let sql = "SELECT relname::text, seq_scan FROM pg_stat_user_tables
               WHERE relname IN ('user', 'value')";
    let rows: Vec<(String, i64)> =
        sqlx::query_as(sql).fetch_all(&mut server.connect("plans").await).await.unwrap();
    assert_eq!(rows.len(), 2);
    rows.into_iter().collect()
}

/// What clients ask all day, and what sign-ins and other nodes do.
async fn everyday_work(store: &Arc<PostgresStore>, actor: &Actor) {
    let tenant = actor.connection.tenant();
    let (alice, group) = (UserId::new("i7000".into()), GroupId::new("g700".into()));
    let with = UserParts { groups: true };
    assert!(store.user(&tenant, &alice, with).await.unwrap().is_some());
    assert!(store.provisioned(&alice).await.unwrap().is_some());
    assert!(store.standing(&alice, &["Group700".into()], at(0)).await.unwrap().is_some());
    for name in ["U7000", "u7000@example.com", "nobody"] {
        store.look_up(name, 10).await.unwrap();
    }
    let idp = IdpName::parse("corp").unwrap();
    let (user_name, email) = ("nobody", Some("U7000@example.com"));
    let one = Identifiers {
        idp: &idp,
        name_id: Some("n"),
        external_id: Some("e"),
        user_name,
        email,
    };
    assert!(
        store.find_any(one).await.unwrap().is_empty(),
        "nobody is another one's"
    );
    assert!(store.find_by_email("u7000@example.com").await.unwrap().len() == 1);
    assert_eq!(store.look_up_group("GROUP700", 10).await.unwrap().len(), 1);
    assert!(!store.members(&group, None, 10).await.unwrap().is_empty());
    let catalogue = Catalogue::standard();
    let query = |filter: Option<&str>, from| Query {
        filter: filter.map(|text| Filter::parse(&catalogue, ResourceKind::User, text).unwrap()),
        sort: None,
        from,
        count: 100,
        total: true,
    };
    for filter in [
        None,
        Some("userName eq \"u7000\""),
        Some("externalId eq \"e7000\" and active eq true"),
        Some("emails eq \"u7000@example.com\""),
        Some("name.familyName eq \"family7000\""),
        Some("groups.value eq \"g700\""),
    ] {
        let found = store.users(&tenant, &query(filter, Begin::Offset(0)), with).await.unwrap();
        assert!(found.total.is_some_and(|total| total > 0), "{filter:?}");
    }
    let by = Target::of(catalogue.resolve(ResourceKind::User, "userName").unwrap());
    let sorted = Query {
        sort: Some(Sort { by, descending: false }),
        ..query(Some("name.familyName sw \"family70\""), Begin::Offset(50))
    };
    assert_eq!(
        store.users(&tenant, &sorted, with).await.unwrap().resources.len(),
        61
    );
    write(store, actor, &group).await;
    assert!(store.changes_after(Some(0)).await.unwrap().mark > 0);
    assert!(store.find_token(&[7; 32]).await.unwrap().is_some());
}

async fn write(store: &Arc<PostgresStore>, actor: &Actor, group: &GroupId) {
    let new = written(ResourceKind::User, &person("new"), Vec::new());
    let id = UserId::new("inew".into());
    let made = store.create_user(actor, id.clone(), new, at(2)).await.unwrap();
    assert!(matches!(made, Outcome::Done(_)), "{made:?}");
    let again = written(ResourceKind::User, &person("new"), Vec::new());
    let again = store
        .create_user(actor, UserId::new("i-new".into()), again, at(2))
        .await
        .unwrap();
    assert!(matches!(again, Outcome::Refused(_)));
    let rename = Change::new(|_| Ok(written(ResourceKind::User, &person("newer"), Vec::new())));
    let with = UserParts { groups: true };
    let changed = store.change_user(actor, &id, None, rename, with, at(3)).await.unwrap();
    assert!(matches!(changed, Outcome::Done(_)), "{changed:?}");
    let member = || vec![Member { value: "inew".to_owned(), kind: None }];
    for change in [
        MemberChange::Add(member()),
        MemberChange::Remove(vec!["i7000".to_owned()]),
        MemberChange::RemoveWhere(
            Filter::parse(
                &Catalogue::standard(),
                ResourceKind::Group,
                "members.value eq \"i7001\"",
            )
            .unwrap(),
        ),
    ] {
        let change = Change::new(move |document: &Document| {
            let members = vec![change.clone()];
            Ok(Written { document: document.clone(), members, ..Written::default() })
        });
        let parts = GroupParts::default();
        let changed = store.change_group(actor, group, None, change, parts, at(4)).await.unwrap();
        assert!(matches!(changed, Outcome::Done(_)), "{changed:?}");
    }
    let gone = store.delete_user(actor, &id, None, at(5)).await.unwrap();
    assert!(matches!(gone, Outcome::Done(_)));
    let gone = store.delete_group(actor, group, None, at(5)).await.unwrap();
    assert!(matches!(gone, Outcome::Done(_)));
}

fn written(kind: ResourceKind, document: &Value, members: Vec<MemberChange>) -> Written {
    let document = Document::stored(&document.to_string()).unwrap();
    let entries = entries(&document, kind, &Catalogue::standard());
    Written { document, entries, members }
}

fn person(name: &str) -> Value {
    json!({
        "userName": format!("u{name}"), "externalId": format!("e{name}"), "active": true,
        "title": format!("title{name}"),
        "name": { "givenName": "Given", "familyName": format!("family{name}") },
        "emails": [{ "value": format!("u{name}@example.com"), "type": "work", "primary": true }],
        ENTERPRISE: { "employeeNumber": name },
    })
}

/// One person and one group as they are written, and the others as copies of them.
async fn fill(store: &Arc<PostgresStore>, connection: &mut PgConnection) -> Actor {
    let actor = Actor {
        connection: Connection {
            name: ConnectionName::parse("okta").unwrap(),
            idp: None,
            settings: ConnectionSettings::default(),
            created_at: at(0),
        },
        token: "t1".into(),
        client: None,
        request_id: None,
        guard: None,
    };
    let _ = store
        .create_connection(&actor.connection, &Operator::command(), at(0))
        .await
        .unwrap();
    let token = ScimToken {
        id: "t1".into(),
        connection: actor.connection.name.clone(),
        hash: [7; 32],
        scopes: Scopes::default(),
        created_at: at(0),
        expires: None,
        last_used: None,
    };
    let _ = store.create_token(&token, &Operator::command(), at(0)).await.unwrap();
    let first = written(ResourceKind::User, &person("#"), Vec::new());
    let made = store.create_user(&actor, UserId::new("i#".into()), first, at(1)).await.unwrap();
    assert!(matches!(made, Outcome::Done(_)), "{made:?}");
    let group = json!({ "displayName": "group#", "externalId": "ge#" });
    let group = written(ResourceKind::Group, &group, Vec::new());
    let id = GroupId::new("g#".into());
    let made = store
        .create_group(&actor, id, group, GroupParts::default(), at(1))
        .await
        .unwrap();
    assert!(matches!(made, Outcome::Done(_)), "{made:?}");
    copy(connection, "\"user\"", PEOPLE).await;
    copy(connection, "grp", PEOPLE / 10).await;
    let more = format!(
        "INSERT INTO value (owner, key, element, value)
             SELECT u.number, v.key, v.element, replace(v.value, '#', substr(u.id, 2))
             FROM \"user\" u CROSS JOIN value v
             WHERE u.id <> 'i#' AND v.owner = (SELECT number FROM \"user\" WHERE id = 'i#');
         INSERT INTO member (grp, member)
             SELECT g.number, u.number FROM \"user\" u
             JOIN grp g ON g.id = 'g' || (substr(u.id, 2)::bigint / 10) WHERE u.id <> 'i#';
         UPDATE \"user\" SET active = 0 WHERE id IN ('i5', 'i6');
         UPDATE connection SET people = {PEOPLE} + 1;
         ANALYZE"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(more)).execute(connection).await.unwrap();
    actor
}

/// So many copies of the only row, with a number for each `#`.
async fn copy(connection: &mut PgConnection, table: &str, count: i64) {
    let columns = "SELECT column_name::text, data_type::text FROM information_schema.columns
                   WHERE table_name = $1 AND column_name <> 'number' ORDER BY ordinal_position";
    let columns: Vec<(String, String)> = sqlx::query_as(columns)
        .bind(table.trim_matches('"'))
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let quoted = |name: &String| format!("\"{name}\"");
    let names: Vec<_> = columns.iter().map(|(name, _)| quoted(name)).collect();
    let values = columns.iter().map(|(name, kind)| match kind.as_str() {
        "text" => format!("replace({}, '#', n::text)", quoted(name)),
        _ => quoted(name),
    });
    let values: Vec<_> = values.collect();
    let insert = format!(
        "INSERT INTO {table} ({}) SELECT {} FROM {table} CROSS JOIN generate_series(1, {count}) AS n",
        names.join(", "),
        values.join(", "),
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(insert)).execute(connection).await.unwrap();
}
