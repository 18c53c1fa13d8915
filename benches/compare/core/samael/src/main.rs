//! For each line `both 100` on stdin: samael reads so many messages of that name, and says so.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;

use samael::metadata::EntityDescriptor;
use samael::service_provider::ServiceProviderBuilder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("a directory")?);
    let read = |name: String| std::fs::read_to_string(directory.join(name));
    let metadata: EntityDescriptor = samael::metadata::de::from_str(&read("idp.xml".into())?)?;
    let sp = ServiceProviderBuilder::default()
        .entity_id("https://sp.example.com/saml/metadata".to_owned())
        .acs_url("https://sp.example.com/saml/acs".to_owned())
        .idp_metadata(metadata)
        // The messages are some minutes old by the last round; by default it takes 90 seconds.
        .max_issue_delay(chrono::Duration::hours(1))
        .build()?;
    let mut stdout = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (name, count) = line.split_once(' ').ok_or("name and number")?;
        let values = (0..16)
            .map(|number| read(format!("{name}-{number:02}.b64")))
            .collect::<Result<Vec<_>, _>>()?;
        for value in values.iter().cycle().take(count.parse()?) {
            let request = ["_b3a1f0c7d2e94856a0b1c2d3e4f50617"];
            let assertion = sp.parse_base64_response(value, Some(&request))?;
            let statements = assertion.attribute_statements.ok_or("no attributes")?;
            if statements.iter().map(|one| one.attributes.len()).sum::<usize>() != 10 {
                return Err("not all attributes".into());
            }
        }
        writeln!(stdout, "done")?;
    }
    Ok(())
}
