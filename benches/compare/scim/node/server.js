// SCIMMY with its express routers, and people and groups in memory: node server.js PORT TOKEN
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, token] = process.argv.slice(2);
SCIMMY.Config.set({ bulk: true, patch: true, filter: true, sort: true });

// What each handler needs: one by its id, all that match a filter, a write, a removal.
function declare(resource) {
    const kept = new Map();
    const name = (it) => (it.userName ?? it.displayName).toLowerCase();
    const byName = new Map();
    SCIMMY.Resources.declare(resource)
        .ingress((request, instance) => {
            const now = new Date().toISOString();
            const old = kept.get(request.id);
            if (request.id && !old) throw new SCIMMY.Types.Error(404, null, `no ${request.id}`);
            const id = request.id ?? randomUUID();
            const other = byName.get(name(instance));
            if (other && other !== id) throw new SCIMMY.Types.Error(409, "uniqueness", "taken");
            if (old) byName.delete(name(old));
            const data = { ...instance, id, meta: { created: old?.meta.created ?? now, lastModified: now } };
            kept.set(id, data);
            byName.set(name(data), id);
            return data;
        })
        .egress((request) => {
            if (request.id) {
                const found = kept.get(request.id);
                if (!found) throw new SCIMMY.Types.Error(404, null, `no ${request.id}`);
                return found;
            }
            const all = [...kept.values()];
            return request.filter ? request.filter.match(all) : all;
        })
        .degress((request) => {
            const found = kept.get(request.id);
            if (!found) throw new SCIMMY.Types.Error(404, null, `no ${request.id}`);
            byName.delete(name(found));
            kept.delete(request.id);
        });
}

declare(SCIMMY.Resources.User);
declare(SCIMMY.Resources.Group);

const handler = (request) => {
    if (request.header("authorization") !== `Bearer ${token}`) throw new Error("who is there?");
    return "bench";
};
const app = express();
app.use("/scim/v2", express.json({ limit: "64mb", type: ["application/scim+json", "application/json"] }));
app.use("/scim/v2", new SCIMMYRouters({ type: "bearer", handler }));
app.listen(Number(port), "127.0.0.1", () => console.log("ready"));
