import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import type { Control } from "../control/index.ts";
import { RomanaError } from "../model/index.ts";
import { CONTRACT, type Method, type Operation, type RouteContract } from "../schema/index.ts";
import { chainHandlers } from "./chains.ts";
import { daemonHandlers } from "./daemon-handlers.ts";
import { endpointHandlers } from "./endpoints.ts";
import { fabricHandlers } from "./fabrics.ts";
import { hostHandlers } from "./hosts.ts";
import { ipamHandlers } from "./ipam.ts";
import type { Log } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { networkHandlers } from "./networks.ts";
import { type Handler, type Handlers, serveOperation } from "./operation.ts";
import { policyHandlers } from "./policies.ts";
import { badRequest, HttpError, PROBLEM_MEDIA_TYPE, problemOf } from "./problem.ts";
import { routeHandlers } from "./routes.ts";
import { segmentHandlers } from "./segments.ts";
import { serviceHandlers } from "./services.ts";
import { tenantHandlers } from "./tenants.ts";
import { virtualIpHandlers } from "./virtual-ips.ts";
import { Watches, type WatchTimes } from "./watch.ts";
import { workloadHandlers } from "./workloads.ts";

/** What the API works with. */
export interface AppOptions {
  readonly control: Control;
  readonly log: Log;
  /** Version of romanad, for OpenAPI. */
  readonly version: string;
  readonly watch: WatchTimes;
  /** From how many milliseconds on a request is logged as slow. */
  readonly slowRequest: number;
}

/** The API without a listener. */
export interface App {
  readonly fastify: FastifyInstance;
  /** Ends all watches, so that servers can close. */
  endWatches(): void;
}

/** Largest body of a request, in bytes. */
export const BODY_LIMIT = 1024 * 1024;

/** Longest path parameter: the longest endpoint name, percent-encoded, and some room to say what is wrong. */
const MAX_PARAM_LENGTH = 1024;

/** Methods that are answered with 405 where the contract does not have them. */
const ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

declare module "fastify" {
  interface FastifyContextConfig {
    /** ID of the operation that a route serves. */
    operation?: Operation;
  }
}

/** The API in front of control. */
export async function createApp(options: AppOptions): Promise<App> {
  const { control, log } = options;
  const metrics = createMetrics({
    revision: () => control.revision(),
    exceptions: () => control.exceptions.count(),
    relocations: () => control.relocations.counts(),
    virtualIps: () => control.virtualIps.summary(),
    backends: () => control.backends.summary(),
  });
  const watches = new Watches(control, metrics, log, options.watch);
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    logger: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: sendProblem,
  });
  const handlers: Handlers<Exclude<Operation, "watch">> = {
    ...networkHandlers(control),
    ...hostHandlers(control),
    ...tenantHandlers(control),
    ...segmentHandlers(control),
    ...endpointHandlers(control, (outcome) => metrics.allocation(outcome)),
    ...workloadHandlers(control),
    ...virtualIpHandlers(control),
    ...serviceHandlers(control),
    ...chainHandlers(control),
    ...fabricHandlers(control),
    ...policyHandlers(control),
    ...routeHandlers(control),
    ...ipamHandlers(control),
    ...daemonHandlers(control, metrics, options.version),
  };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_, body, done) => {
    try {
      done(null, body === "" ? undefined : JSON.parse(body as string));
    } catch (error) {
      const reason = `the body is not JSON: ${(error as Error).message}`;
      done(badRequest(400, "read request", { path: "", reason }));
    }
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const answer = sendProblem(error, request, reply);
    if (answer.statusCode === 500)
      log.error({ err: error, method: request.method, url: request.url }, "failed");
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?")[0] as string;
    const message = `Cannot find route "${request.method} ${path}", see /openapi.json`;
    sendProblem(new RomanaError(message, { code: "not-found", noun: "route", name: path }), request, reply);
  });
  app.addHook("onResponse", (request, reply, done) => {
    const operation = request.routeOptions.config.operation ?? "unknown";
    metrics.request(operation, reply.statusCode, reply.elapsedTime);
    if (reply.elapsedTime >= options.slowRequest) log.warn(accessFields(request, reply), "slow request");
    else if (log.isLevelEnabled("debug")) log.debug(accessFields(request, reply), "request");
    done();
  });
  for (const [operation, handler] of Object.entries(handlers)) {
    serveOperation(
      app,
      operation as Exclude<Operation, "watch">,
      handler as Handler<Exclude<Operation, "watch">>,
    );
  }
  watches.serve(app);
  refuseOtherMethods(app);
  await app.ready();
  return { fastify: app, endWatches: () => watches.close() };
}

/** Answers 405, with the methods that there are, on every path of the contract. */
function refuseOtherMethods(app: FastifyInstance): void {
  const methods = new Map<string, Method[]>();
  for (const { path, method } of Object.values<RouteContract>(CONTRACT)) {
    methods.set(path, [...(methods.get(path) ?? []), method]);
  }
  for (const [url, allowed] of methods) {
    const allow = allowed.join(", ");
    const refused = ALL_METHODS.filter((method) => !app.hasRoute({ method, url }));
    app.route({
      method: refused,
      url,
      onRequest(request) {
        const message = `Cannot ${request.method} ${request.url}: only ${allow} is possible here`;
        throw new HttpError(405, new RomanaError(message, { code: "unsupported" }), { allow });
      },
      handler: () => undefined,
    });
  }
}

function sendProblem(error: Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, headers, problem } = problemOf(fromFramework(error));
  if (!request.raw.complete) {
    // The rest of the body is thrown away as it comes: a connection closed in its middle loses the answer.
    reply.removeHeader("connection");
    request.raw.resume();
  }
  return reply
    .code(status)
    .headers({ ...headers, "content-type": PROBLEM_MEDIA_TYPE })
    .send(JSON.stringify(problem));
}

/** What fastify refuses by itself, in our words; any other error as it is. */
function fromFramework(error: Error): Error {
  const { code } = error as Partial<FastifyError>;
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return badRequest(413, "read request", {
        path: "",
        reason: `the body is larger than ${BODY_LIMIT} bytes`,
      });
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return badRequest(415, "read request", {
        path: "Content-Type",
        reason: "only application/json is understood",
      });
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return badRequest(400, "read request", {
        path: "Content-Length",
        reason: "the body has another length",
      });
    case "FST_ERR_MAX_PARAM_LENGTH":
      return badRequest(414, "read request", { path: "", reason: "a part of the path is too long" });
    case "FST_ERR_BAD_URL":
      return badRequest(400, "read request", { path: "", reason: "the path is not percent-encoded UTF-8" });
    default:
      return error;
  }
}

function accessFields(request: FastifyRequest, reply: FastifyReply): object {
  return {
    method: request.method,
    url: request.url,
    status: reply.statusCode,
    milliseconds: Math.round(reply.elapsedTime),
  };
}
