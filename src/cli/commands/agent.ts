import { formatAddress } from "../../net/index.ts";
import {
  type AgentStatus,
  type AttachmentRequestJson,
  type AttachmentResource,
  encodeAddressPair,
  encodeEndpoint,
  encodeRoute,
} from "../../schema/index.ts";
import type { Input, Noun, Result } from "../command.ts";
import { readDocuments } from "../documents.ts";
import { EXIT } from "../exit.ts";
import { count, renderFields, type Screen } from "../format.ts";
import { wrongInput } from "../input.ts";
import { dropsText, hostCountersText } from "../policy-counters.ts";
import { FILE_OPTION, listResult, outcomeResult, type Resource, showResult } from "../resource.ts";
import { ownerOf, patchOf } from "../words.ts";

const ATTACHMENT: Resource<AttachmentResource> = {
  noun: "attachment",
  columns: [
    { title: "name", value: ({ endpoint }) => endpoint.name },
    {
      title: "IPv4",
      value: ({ endpoint }) => endpoint.addresses.ipv4 && formatAddress(endpoint.addresses.ipv4),
    },
    {
      title: "IPv6",
      value: ({ endpoint }) => endpoint.addresses.ipv6 && formatAddress(endpoint.addresses.ipv6),
    },
    { title: "tenant", value: ({ endpoint }) => endpoint.tenant },
    { title: "segment", value: ({ endpoint }) => endpoint.segment },
    { title: "device", value: ({ device }) => device },
    { title: "attached to", value: describeTarget },
    {
      title: "state",
      value: ({ state }) => state,
      tone: ({ state }) => (state === "attached" ? "good" : "bad"),
    },
    { title: "MAC", value: ({ mac }) => mac, wide: true },
    { title: "MTU", value: ({ mtu }) => mtu, align: "right", wide: true },
    { title: "token", value: ({ endpoint }) => endpoint.requestToken, wide: true },
  ],
  encode: ({ endpoint, gateways, ...attachment }) => ({
    endpoint: { ...encodeEndpoint(endpoint), revision: endpoint.revision },
    ...attachment,
    gateways: encodeAddressPair(gateways),
  }),
};

/** `romana agent`. */
export const agent: Noun = {
  name: "agent",
  summary: "The agent of this host: how it is, what it does, attach and detach",
  connection: "agent",
  commands: [
    {
      verb: "status",
      summary: "Show how the agent is; exit code 1 when not all is well",
      examples: ["romana agent status", "romana agent status --socket /run/romana/agent.sock -o json"],
      run: async (_, context) => statusResult(await (await context.agent()).call("getAgentStatus", {})),
    },
    {
      verb: "attachments",
      aliases: ["list", "ls"],
      summary: "List the endpoints that are attached on this host",
      examples: ["romana agent attachments", "romana agent attachments -o wide"],
      run: async (_, context) => {
        const { items } = await (await context.agent()).call("listAttachments", {});
        return listResult(ATTACHMENT, items);
      },
    },
    {
      verb: "show",
      summary: "Show an attachment",
      arguments: [{ name: "endpoint", summary: "Its name, an address or its request token" }],
      examples: ["romana agent show web-1"],
      run: async (input, context) => {
        const params = { ref: input.argument("endpoint") };
        const attachment = await (await context.agent()).call("getAttachment", { params });
        return showResult(ATTACHMENT, attachment);
      },
    },
    {
      verb: "attach",
      summary: "Allocate an endpoint on this host and wire it to a network namespace or a tap",
      arguments: [{ name: "name", summary: "Name of the endpoint", optional: true }],
      options: [
        { name: "tenant", value: "TENANT", summary: "Name or ID of its tenant" },
        { name: "segment", value: "SEGMENT", summary: "Name or code of its segment" },
        { name: "workload", value: "ID", summary: "The workload that says tenant and segment" },
        { name: "netns", value: "PATH", summary: "Network namespace to wire it to", complete: "file" },
        { name: "interface", value: "NAME", summary: "Device to make in the namespace; default eth0" },
        { name: "tap", value: "DEVICE", summary: "Existing tap to wire it to, instead of --netns" },
        { name: "mac", value: "MAC", summary: "MAC address of the endpoint" },
        { name: "network", value: "NETWORK", summary: "May be left out when there is just one" },
        {
          name: "id",
          value: "NUMBER",
          kind: "integer",
          summary: "Its ID; the lowest free one when left out",
        },
        { name: "address", value: "ADDRESS", summary: "Exactly this address" },
        { name: "token", value: "TEXT", summary: "Same token, same endpoint: makes repeating safe" },
        FILE_OPTION,
      ],
      examples: [
        "romana agent attach web-1 --tenant shop --segment web --netns /run/netns/web-1",
        "romana agent attach vm-1 --tenant shop --segment db --tap tap0 --mac 52:54:00:12:34:56",
        "romana agent attach -f attachment.yaml",
      ],
      run: async (input, context) => {
        const caller = await context.agent();
        const file = input.text("file");
        const bodies = file === undefined ? [requestOf(input)] : readDocuments(file);
        const outcomes = [];
        for (const body of bodies as AttachmentRequestJson[]) {
          const { status, result } = await caller.callWithStatus("createAttachment", { body });
          outcomes.push({ status, object: result });
        }
        return outcomeResult(ATTACHMENT, outcomes, file === undefined);
      },
    },
    {
      verb: "detach",
      summary: "Detach endpoints and release them; one that is not attached is no error",
      arguments: [{ name: "endpoint", summary: "Name, address or request token", many: true }],
      examples: ["romana agent detach web-1", "romana agent detach 10.1.1.27"],
      run: async (input, context) => {
        const caller = await context.agent();
        const results: { ref: string; detached: boolean; released: boolean }[] = [];
        for (const ref of input.argumentList("endpoint")) {
          results.push({ ref, ...(await caller.call("deleteAttachment", { params: { ref } })) });
        }
        return {
          data: results,
          text: () =>
            results
              .map(({ ref, detached }) => `${ref} ${detached ? "detached" : "is not attached"}`)
              .join("\n"),
        };
      },
    },
    {
      verb: "counters",
      summary: "Show what the rules of this host have decided, and what was dropped",
      examples: ["romana agent counters", "romana agent counters -o json"],
      run: async (_, context) => {
        const counters = await (await context.agent()).call("getCounters", {});
        return {
          data: counters,
          text: (screen) =>
            [hostCountersText(screen, counters.rules), "", dropsText(counters.drops)].join("\n"),
        };
      },
    },
    {
      verb: "desired",
      summary: "Show what the agent works towards: sysctls, links, routes, neighbours, rules",
      examples: ["romana agent desired", "romana agent desired -o json"],
      run: async (_, context) => {
        const desired = await (await context.agent()).call("getDesired", {});
        return {
          data: desired,
          text: (screen) =>
            Object.entries(desired)
              .map(([title, text]) => `${screen.paint("strong", title)}\n${text.trimEnd()}`)
              .join("\n\n"),
        };
      },
    },
  ],
};

function requestOf(input: Input): AttachmentRequestJson {
  return {
    ...ownerOf(input),
    ...patchOf({
      name: input.maybeArgument("name"),
      network: input.text("network"),
      endpointId: input.integer("id"),
      address: input.text("address"),
      requestToken: input.text("token"),
    }),
    attach: targetOf(input),
  };
}

function targetOf(input: Input): AttachmentRequestJson["attach"] {
  const [netns, device] = [input.text("netns"), input.text("tap")];
  const mac = patchOf({ mac: input.text("mac") });
  if (netns !== undefined && device === undefined) {
    return { kind: "netns", netns, interface: input.text("interface") ?? "eth0", ...mac };
  }
  if (device !== undefined && netns === undefined) return { kind: "tap", device, ...mac };
  throw wrongInput("--netns", "give either a network namespace or a tap");
}

function describeTarget({ attach }: AttachmentResource): string | undefined {
  if (attach === undefined) return undefined;
  return attach.kind === "tap" ? `tap ${attach.device}` : `${attach.netns} ${attach.interface}`;
}

function statusResult(status: AgentStatus): Result {
  return {
    data: { ...status, routes: status.routes.map(encodeRoute) },
    exitCode: status.state === "ok" ? EXIT.ok : EXIT.findings,
    text: (screen) => renderStatus(screen, status),
  };
}

function renderStatus(screen: Screen, status: AgentStatus): string {
  const { romanad, routes, repairs, policies } = status;
  const wrong = routes.filter(({ state }) => state !== "present").length;
  const mended = repairs
    .filter((repair) => repair.count > 0)
    .map(({ kind, count: times }) => `${times} × ${kind}`);
  return renderFields(screen, [
    ["host", status.host],
    ["state", screen.paint(status.state === "ok" ? "good" : "bad", status.state)],
    ["problems", status.problems.join("; ") || undefined],
    ["romanad", `${romanad.server}, ${romanad.connected ? "connected" : (romanad.error ?? "not connected")}`],
    ["revision", status.observedRevision],
    ["attachments", status.attachments],
    ["routes", `${count(routes.length, "route")}, ${wrong} not in place`],
    ["firewall", status.firewall],
    ["policies", policiesText(policies)],
    ["exceptions", policies.exceptions === 0 ? undefined : policies.exceptions],
    ["virtual IPs", virtualIpsText(status.virtualIps ?? []) || undefined],
    ["repairs", mended.join(", ") || "none"],
    ["version", status.version],
  ]);
}

function virtualIpsText(all: NonNullable<AgentStatus["virtualIps"]>): string {
  return all
    .map(
      ({ name, state, device, reason }) =>
        `${name} ${state}${device ? ` on ${device}` : ""}${reason ? `: ${reason}` : ""}`,
    )
    .join("; ");
}

function policiesText({ count: all, pending }: AgentStatus["policies"]): string {
  const waiting = pending.length === 0 ? "" : `; waiting for somebody: ${pending.join(", ")}`;
  return `${count(all, "policy", "policies")}${waiting}`;
}
