// The HTTP side: routes, schemas, and who may write. Everything it needs is passed in, so tests run it without a port.

import { timingSafeEqual } from "node:crypto";

import fastify from "fastify";

import { page } from "./page.js";

const notice = {
  type: "object",
  required: ["title", "severity"],
  additionalProperties: false,
  properties: {
    title: { type: "string", minLength: 1, maxLength: 200 },
    body: { type: "string", maxLength: 10_000 },
    severity: { enum: ["info", "degraded", "outage"] },
  },
};

/** `store`: see store.js. `token`: who has it may write. `version`: shown by /health. */
export function createApp({ store, token, version, logger = false }) {
  const app = fastify({ logger, bodyLimit: 64 * 1024 });

  const mayWrite = async (request, reply) => {
    if (!isSame(request.headers.authorization ?? "", `Bearer ${token}`)) {
      await reply.code(401).send({ error: "this needs the board's token" });
    }
  };

  // Well means: it can answer, and it can still write what it is told.
  app.get("/health", async (_request, reply) => {
    const problem = await store.problem();
    return reply.code(problem === undefined ? 200 : 503).send({ version, notices: store.all().length, problem });
  });

  app.get("/", async (_request, reply) => reply.type("text/html; charset=utf-8").send(page(store.all())));

  app.get("/notices", (request) => {
    const all = store.all();
    return request.query.open === undefined ? all : all.filter(({ closed }) => closed === null);
  });

  app.post("/notices", { preHandler: mayWrite, schema: { body: notice } }, async (request, reply) =>
    reply.code(201).send(await store.open(request.body)),
  );

  app.post("/notices/:id/close", { preHandler: mayWrite }, async (request, reply) => {
    const closed = await store.close(Number(request.params.id));
    return closed === undefined ? reply.code(404).send({ error: "no open notice has this id" }) : closed;
  });

  return app;
}

function isSame(got, want) {
  const [a, b] = [Buffer.from(got), Buffer.from(want)];
  return a.length === b.length && timingSafeEqual(a, b);
}
