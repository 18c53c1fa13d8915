#!/usr/bin/env python3
"""Runs a conformance tool against a SCIM server, and fails on any finding.

    SCIM_TOKEN=… scim_tools.py tester|sanity http://127.0.0.1:8080/scim/v2 [-v]

Prints the findings, and how many checks were made.
"""

import os
import sys

# What each tool skips that is not about this server.
SKIPPED = ("Agent CRUD Lifecycle", "AgenticApplication CRUD Lifecycle", "Agent Rapid Lifecycle")


def tester(base, token):
    """scim2-tester, as `scim2 test` runs it: unexpected statuses and media types are findings."""
    from httpx2 import Client
    from scim2_client.engines.httpx2 import SyncSCIMClient
    from scim2_tester import Status, check_server

    with Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
        for result in check_server(SyncSCIMClient(http)):
            fine = result.status == Status.SUCCESS
            yield fine, f"{result.status.name} {result.title} {result.resource_type or ''}: {result.reason}"


def sanity(base, token):
    """scim-sanity's probe, strict, also as Entra; a warning is a finding."""
    from scim_sanity.probe.runner import run_probe_api

    for profile in (None, "entra"):
        report = run_probe_api(
            base, token=token, strict=True, profile=profile, user_domain="example.com", timeout=60
        )
        for result in report["results"]:
            name, status = result["name"], result["status"].upper()
            if name in SKIPPED:
                continue
            yield status == "PASS", f"{status} {name} ({profile or 'plain'}): {result.get('message')}"


def main():
    tool, base = sys.argv[1:3]
    run = {"tester": tester, "sanity": sanity}[tool]
    checks, findings = 0, 0
    for fine, line in run(base, os.environ["SCIM_TOKEN"]):
        checks += 1
        findings += not fine
        if not fine or "-v" in sys.argv:
            print(line)
    print(f"{checks} checks")
    sys.exit(1 if findings or not checks else 0)


if __name__ == "__main__":
    main()
