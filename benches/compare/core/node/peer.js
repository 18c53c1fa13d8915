// For each line `both 100` on stdin: node-saml reads so many messages of that name, and says so.
const fs = require("node:fs");
const readline = require("node:readline");
const { SAML, ValidateInResponseTo } = require("@node-saml/node-saml");

const directory = process.argv[2];
const saml = new SAML({
  callbackUrl: "https://sp.example.com/saml/acs",
  issuer: "https://sp.example.com/saml/metadata",
  audience: "https://sp.example.com/saml/metadata",
  entryPoint: "https://idp.example.com/sso",
  idpIssuer: "https://idp.example.com/metadata",
  idpCert: fs.readFileSync(`${directory}/idp.pem`, "utf8"),
  wantAssertionsSigned: true,
  wantAuthnResponseSigned: false,
  acceptedClockSkewMs: 180000,
  validateInResponseTo: ValidateInResponseTo.never,
});

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [name, count] = line.split(" ");
    const values = Array.from({ length: 16 }, (_, n) =>
      fs.readFileSync(`${directory}/${name}-${String(n).padStart(2, "0")}.b64`, "utf8"));
    for (let turn = 0; turn < Number(count); turn++) {
      const { profile } = await saml.validatePostResponseAsync({ SAMLResponse: values[turn % 16] });
      if (Object.keys(profile.attributes).length !== 10) throw new Error("not all attributes");
    }
    console.log("done");
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
