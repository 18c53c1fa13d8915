//! What may stand in something encrypted, and what not: decided before any key is used.
#![expect(clippy::string_slice, reason = "a test cuts XML that it wrote itself")]

use super::*;

#[test]
fn a_shape_that_saml_has_no_use_for_is_enc_structure() {
    let inside = Seal::new(seal::AES256_GCM).seal("EncryptedAssertion", PLAINTEXT, &SP);
    let at = |place| {
        Seal { place, ..Seal::new(seal::AES256_GCM) }.seal("EncryptedAssertion", PLAINTEXT, &SP)
    };
    let (retrieved, listed, beside) = (at(Place::Retrieved), at(Place::Listed), at(Place::Beside));
    let data_value = between(
        &inside,
        "</ds:KeyInfo><xenc:CipherData>",
        "</xenc:CipherData>",
    );
    let key = with_ends(&inside, "<xenc:EncryptedKey ", "</xenc:EncryptedKey>");
    let data = with_ends(&inside, "<xenc:EncryptedData ", "</xenc:EncryptedData>");
    let method =
        "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"/>";
    let cases = [
        ("nothing inside", inside.replace(data, "")),
        ("two EncryptedData", inside.replace(data, &format!("{data}{data}"))),
        ("text around", inside.replace(data, &format!("x{data}"))),
        ("an attribute on the wrapper", inside.replace("<saml:EncryptedAssertion", "<saml:EncryptedAssertion a='b'")),
        ("an attribute on the data", inside.replace(" Id=\"_data\"", " Id=\"_data\" Encoding=\"x\"")),
        ("Type Content", inside.replace("xmlenc#Element", "xmlenc#Content")),
        ("no EncryptionMethod", inside.replace(method, "")),
        ("a KeySize", inside.replace(method, &method.replace("/>", "><xenc:KeySize>256</xenc:KeySize></xenc:EncryptionMethod>"))),
        ("no CipherData", inside.replace(&format!("<xenc:CipherData>{data_value}</xenc:CipherData>"), "")),
        ("a CipherReference", inside.replace(data_value, "<xenc:CipherReference URI=\"http://127.0.0.1:9/canary\"/>")),
        ("a CipherReference beside the value", inside.replace(data_value, &format!("{data_value}<xenc:CipherReference URI=\"#a\"/>"))),
        ("not base64", inside.replace("<xenc:CipherValue>", "<xenc:CipherValue>!")),
        ("an element in base64", inside.replace("<xenc:CipherValue>", "<xenc:CipherValue><a/>")),
        ("EncryptionProperties", inside.replace("</xenc:EncryptedData>", "<xenc:EncryptionProperties/></xenc:EncryptedData>")),
        ("no key at all", inside.replace(key, "")),
        ("no KeyInfo", inside.replace(&format!("<ds:KeyInfo>{key}</ds:KeyInfo>"), "")),
        ("two keys", inside.replace(key, &format!("{key}{key}"))),
        ("inside and beside", inside.replace(data, &format!("{data}{key}"))),
        ("a DEREncodedKeyValue", inside.replace("<ds:KeyInfo>", "<ds:KeyInfo><ds:X509Data/>")),
        ("an AgreementMethod", inside.replace(key, "<xenc:AgreementMethod/>")),
        ("a key of another Type", inside.replace("<xenc:EncryptedKey ", "<xenc:EncryptedKey Type=\"urn:x\" ")),
        ("the key before the data", beside_first(&beside)),
        ("a RetrievalMethod elsewhere", retrieved.replace("URI=\"#_key\"", "URI=\"http://127.0.0.1:9/canary\"")),
        ("a RetrievalMethod to everything", retrieved.replace("URI=\"#_key\"", "URI=\"\"")),
        ("a RetrievalMethod by XPointer", retrieved.replace("URI=\"#_key\"", "URI=\"#xpointer(id('_key'))\"")),
        ("a RetrievalMethod to nothing", retrieved.replace("URI=\"#_key\"", "URI=\"#_none\"")),
        ("a RetrievalMethod without URI", retrieved.replace(" URI=\"#_key\"", "")),
        ("a RetrievalMethod of another Type", retrieved.replace("#EncryptedKey\" URI", "#X\" URI")),
        ("a RetrievalMethod with a transform", retrieved.replace(
            "URI=\"#_key\"/>",
            "URI=\"#_key\"><ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/></ds:Transforms></ds:RetrievalMethod>",
        )),
        ("a RetrievalMethod and a key", retrieved.replace("</ds:KeyInfo>", &format!("{key}</ds:KeyInfo>"))),
        ("two keys with one Id", retrieved.replace("</xenc:EncryptedData>", &format!("</xenc:EncryptedData>{key}"))),
        ("a ReferenceList for other data", listed.replace("URI=\"#_data\"", "URI=\"#_other\"")),
        ("an empty ReferenceList", listed.replace("<xenc:DataReference URI=\"#_data\"/>", "")),
        ("a KeyReference", listed.replace("DataReference", "KeyReference")),
        ("a ReferenceList for data without Id", listed.replace(" Id=\"_data\"", "")),
        ("a ReferenceList of nothing for data without Id", listed.replace(" URI=\"#_data\"", "").replace(" Id=\"_data\"", "")),
    ];
    for (claim, xml) in cases {
        assert_eq!(
            code(&xml, strict(), Covered::BySignature),
            "enc.structure",
            "{claim}\n{xml}"
        );
    }
}

#[test]
fn what_may_be_there_without_being_needed_is_read_over() {
    let inside = Seal::new(seal::AES256_GCM).seal("EncryptedAssertion", PLAINTEXT, &SP);
    let cases = [
        (
            "no Type",
            inside.replace(" Type=\"http://www.w3.org/2001/04/xmlenc#Element\"", ""),
        ),
        (
            "lines in base64",
            inside.replace("<xenc:CipherValue>", "<xenc:CipherValue>\r\n  "),
        ),
        (
            "a MimeType",
            inside.replace(" Id=\"_data\"", " MimeType=\"text/xml\""),
        ),
        (
            "a KeyName",
            inside.replace("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName>sp</ds:KeyName>"),
        ),
        (
            "another Recipient",
            inside.replace(" Id=\"_key\"", " Recipient=\"https://sp.example.net\""),
        ),
        (
            "a certificate",
            inside.replacen(
                "</xenc:EncryptionMethod>",
                "</xenc:EncryptionMethod><ds:KeyInfo><ds:X509Data/></ds:KeyInfo>",
                1,
            ),
        ),
        (
            "a CarriedKeyName",
            inside.replace(
                "</xenc:EncryptedKey>",
                "<xenc:CarriedKeyName>k</xenc:CarriedKeyName></xenc:EncryptedKey>",
            ),
        ),
    ];
    for (claim, xml) in cases {
        assert_eq!(
            code(&xml, strict(), Covered::ByNothing),
            "accepted",
            "{claim}\n{xml}"
        );
    }
}

#[test]
fn of_several_keys_the_one_for_us_is_taken() {
    let (us, them) = (
        "https://sp.example.com/saml/metadata",
        "https://sp.example.net",
    );
    let content_key = seal::random(32);
    let content = seal::encrypt(seal::AES256_GCM, &content_key, PLAINTEXT);
    let older = PKey::private_key_from_pem(OLDER_KEY).unwrap();
    for place in [Place::Inside, Place::Beside, Place::Listed] {
        let seal = Seal { place, ..Seal::new(seal::AES256_GCM) };
        let whole = |recipient, key: &PKey<Private>| {
            let seal = Seal { recipient, ..seal };
            seal.write(
                "EncryptedAssertion",
                &content,
                &seal.wrap(&content_key, key),
            )
        };
        let (ours, theirs) = (whole(Some(us), &SP), whole(Some(them), &older));
        let part =
            |xml: &str| with_ends(xml, "<xenc:EncryptedKey ", "</xenc:EncryptedKey>").to_owned();
        let both = ours.replace(&part(&ours), &format!("{}{}", part(&theirs), part(&ours)));
        assert_eq!(
            code(&both, strict(), Covered::ByNothing),
            "accepted",
            "{place:?}"
        );
        for other in [whole(Some(us), &older), whole(None, &SP)] {
            let two = match other.contains("Recipient") {
                true => ours.replace(&part(&ours), &format!("{}{}", part(&ours), part(&other))),
                false => theirs.replace(
                    &part(&theirs),
                    &format!("{}{}", part(&theirs), part(&other)),
                ),
            };
            assert_eq!(
                code(&two, strict(), Covered::ByNothing),
                "enc.structure",
                "{place:?}"
            );
        }
        let nameless = DecryptionKeys::from_vec(vec![DecryptionKey::from_pem(SP_KEY).unwrap()]);
        let nameless = Decryption { keys: &nameless, ..strict() };
        assert_eq!(code(&both, nameless, Covered::ByNothing), "enc.structure");
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

fn with_ends<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).unwrap();
    let to = from + text[from..].find(end).unwrap() + end.len();
    &text[from..to]
}

/// The EncryptedKey moved in front of the EncryptedData.
fn beside_first(beside: &str) -> String {
    let key = with_ends(beside, "<xenc:EncryptedKey ", "</xenc:EncryptedKey>");
    let rest = beside.replace(key, "");
    rest.replacen(
        "<xenc:EncryptedData ",
        &format!("{key}<xenc:EncryptedData "),
        1,
    )
}
