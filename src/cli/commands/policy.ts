import type { AllCounters, Tally } from "../../model/index.ts";
import { type CONTRACT, encodePolicy, encodePolicyDetails, type ResultOf } from "../../schema/index.ts";
import type { Command, Noun, Option, Result } from "../command.ts";
import { parseDuration } from "../duration.ts";
import { type Column, count, renderTable, type Tone } from "../format.ts";
import { applicationResult } from "../policy-application.ts";
import { coverageText, dropsText, ruleCountersText, sumOfRules } from "../policy-counters.ts";
import { readPolicies } from "../policy-files.ts";
import { damageLines, policyLines, targetWords } from "../policy-words.ts";
import {
  changeOptions,
  DRY_RUN_OPTION,
  deleteCommand,
  dryRunQuery,
  listAll,
  listResult,
  outcomeResult,
  type Resource,
} from "../resource.ts";
import { policyMatrix } from "./policy-matrix.ts";

type PolicyResource = ResultOf<typeof CONTRACT.getPolicy>;

const STATE_TONES: Readonly<Record<PolicyResource["state"], Tone>> = {
  active: "good",
  pending: "warning",
  damaged: "bad",
};

const POLICY: Resource<PolicyResource> = {
  noun: "policy",
  plural: "policies",
  columns: [
    { title: "id", value: ({ id }) => id },
    {
      title: "state",
      value: ({ state }) => state,
      tone: ({ state }) => STATE_TONES[state],
    },
    { title: "direction", value: ({ rules }) => distinct(rules.map(({ direction }) => direction)) },
    { title: "verdict", value: ({ rules }) => distinct(rules.map(({ verdict }) => verdict)) },
    { title: "order", value: ({ order }) => order, align: "right" },
    { title: "applied to", value: ({ appliedTo }) => appliedTo.map(targetWords).join(", ") },
    { title: "waits, as", value: ({ missing }) => missing.join(", "), wide: true },
    { title: "tier", value: ({ tier }) => tier, wide: true },
    { title: "external ID", value: ({ externalId }) => externalId, wide: true },
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (policy) =>
    encodePolicyDetails({ policy: withoutState(policy), missing: policy.missing }, policy.revision),
};

const FILES = {
  name: "file",
  summary: 'Policy documents, YAML or JSON; "-" for standard input',
  many: true,
  complete: "file",
} as const;

const PENDING: Option = {
  name: "pending",
  summary: "Take policies that name tenants or segments that are not there yet",
};

const COUNTERS: Option = {
  name: "counters",
  summary: "With what the rules have decided: first packets of connections, on all hosts",
};

const add: Command = {
  verb: "add",
  aliases: ["create"],
  summary: "Add the policies of files",
  arguments: [FILES],
  options: [PENDING],
  examples: [
    "romana policy add examples/policies/tcp-policy.json",
    "romana policy add examples/policies/egress-allow-only.yaml --pending",
    "romana policy add -",
  ],
  run: async (input, context) => {
    const policies = readPolicies(input.argumentList("file"));
    const client = await context.client();
    const query = input.flag("pending") ? { pending: true } : {};
    const outcomes = [];
    for (const policy of policies) {
      const { status, result } = await client.callWithStatus("createPolicy", {
        query,
        body: encodePolicy(policy),
      });
      outcomes.push({ status, object: result });
    }
    return outcomeResult(POLICY, outcomes, policies.length === 1);
  },
};

const list: Command = {
  verb: "list",
  aliases: ["ls"],
  summary: "List the policies, and whether everybody that they name is there",
  options: [COUNTERS],
  examples: ["romana policy list", "romana policy list -o wide", "romana policy list --counters"],
  run: async (input, context) => {
    const client = await context.client();
    const items = await listAll((query) => client.call("listPolicies", { query }));
    if (!input.flag("counters")) return listResult(POLICY, items);
    return countedList(items, await client.call("getCounters", {}));
  },
};

function countedList(items: readonly PolicyResource[], counters: AllCounters): Result {
  const byPolicy = new Map(counters.policies.map((one) => [one.policy, one]));
  const sumOf = ({ id }: PolicyResource): Tally => sumOfRules(byPolicy.get(id));
  const columns: readonly Column<PolicyResource>[] = [
    ...POLICY.columns,
    { title: "packets", value: (policy) => sumOf(policy).packets, align: "right" },
    { title: "bytes", value: (policy) => sumOf(policy).bytes, align: "right" },
  ];
  return {
    data: {
      items: items.map((policy) => ({
        ...(POLICY.encode(policy) as object),
        counters: byPolicy.get(policy.id)?.rules ?? [],
      })),
      drops: counters.drops,
      hosts: counters.hosts,
      omitted: counters.omitted,
    },
    text: (screen) =>
      [
        renderTable(screen, columns, items, "No policies"),
        "",
        coverageText(counters),
        dropsText(counters.drops),
      ].join("\n"),
  };
}

const show: Command = {
  verb: "show",
  summary: "Show a policy in words; with -o yaml as a document that can be applied again",
  arguments: [{ name: "name", summary: "ID of the policy", complete: "policy" }],
  options: [COUNTERS],
  examples: [
    "romana policy show web-from-office",
    "romana policy show web-from-office -o yaml",
    "romana policy show web-from-office --counters",
  ],
  run: async (input, context) => {
    const client = await context.client();
    const params = { policy: input.argument("name") };
    const policy = await client.call("getPolicy", { params });
    const counters = input.flag("counters") ? await client.call("getPolicyCounters", { params }) : undefined;
    return {
      data: { ...(POLICY.encode(policy) as object), ...(counters && { counters: counters.rules }) },
      text: (screen) =>
        [
          ...damageLines(policy).map((text) => screen.paint("bad", text)),
          ...policyLines(policy),
          ...policy.missing.map((text) => screen.paint("warning", `  waits: ${text}`)),
          ...(counters === undefined ? [] : ["", ruleCountersText(screen, counters)]),
        ].join("\n"),
    };
  },
};

const remove: Command = {
  ...deleteCommand(
    "policy",
    "policy",
    [DRY_RUN_OPTION],
    ["romana policy remove web-from-office", "romana policy remove a b --dry-run"],
    (client, id, input) =>
      client.call(
        "deletePolicy",
        { params: { policy: id }, query: dryRunQuery(input) },
        changeOptions(input),
      ),
  ),
  verb: "remove",
  aliases: ["rm", "delete"],
  summary: "Remove policies",
  arguments: [{ name: "policy", summary: "IDs of the policies", many: true, complete: "policy" }],
};

const check: Command = {
  verb: "check",
  summary: "Check the policies of files and say in words what they mean; changes nothing, needs no romanad",
  arguments: [FILES],
  examples: [
    "romana policy check examples/policies/complex-policy.json",
    "romana policy check examples/policies/complex-policy.json -o yaml",
  ],
  run: (input) => {
    const policies = readPolicies(input.argumentList("file"));
    return {
      data: policies.map(encodePolicy),
      text: () => policies.map((policy) => policyLines(policy).join("\n")).join("\n\n"),
    };
  },
};

const apply: Command = {
  verb: "apply",
  summary: "Make policies as the files say, all or none",
  arguments: [FILES],
  options: [
    PENDING,
    { name: "dry-run", summary: "Only show the difference" },
    {
      name: "confirm-within",
      value: "TIME",
      summary: "Take everything back after this time (60s, 5m) unless it is confirmed",
    },
  ],
  examples: [
    "romana policy apply examples/policies/machine-services.yaml --dry-run",
    "romana policy apply examples/policies/machine-services.yaml --confirm-within 60s",
    "romana policy apply a.yaml b.yaml",
  ],
  run: async (input, context) => {
    const policies = readPolicies(input.argumentList("file"));
    const within = input.text("confirm-within");
    const confirmWithin = within === undefined ? undefined : parseDuration("--confirm-within", within);
    const client = await context.client();
    const result = await client.call("applyPolicies", {
      body: {
        policies: policies.map(encodePolicy),
        ...(input.flag("pending") && { pending: true }),
        ...(input.flag("dry-run") && { dryRun: true }),
        ...(confirmWithin !== undefined && { confirmWithin }),
      },
    });
    return applicationResult(result);
  },
};

const confirm: Command = {
  verb: "confirm",
  summary: "Confirm changes that are on trial, so that they stay",
  arguments: [{ name: "trial", summary: "The ID that apply told, or trials tells" }],
  examples: ["romana policy confirm 42"],
  run: async (input, context) => {
    const client = await context.client();
    const trial = await client.call("confirmPolicyTrial", { params: { trial: input.argument("trial") } });
    return {
      data: trial,
      text: () =>
        trial.damaged === true
          ? `trial "${trial.id}" ended; it cannot be read, and what it changed stays as it is`
          : `${count(trial.policies.length, "policy", "policies")} confirmed: ${trial.policies.join(", ")}`,
    };
  },
};

const trials: Command = {
  verb: "trials",
  summary: "List changes that are taken back unless they are confirmed",
  examples: ["romana policy trials"],
  run: async (_, context) => {
    const client = await context.client();
    const { items } = await client.call("listPolicyTrials", {});
    return {
      data: items,
      text: (screen) =>
        renderTable(
          screen,
          [
            { title: "id", value: ({ id }) => id },
            {
              title: "until",
              value: ({ deadline, damaged }) =>
                damaged === true ? "damaged: never" : new Date(deadline).toISOString(),
            },
            { title: "policies", value: ({ policies }) => policies.join(", ") },
          ],
          items,
          "No changes are on trial",
        ),
    };
  },
};

/** `romana policy`. */
export const policy: Noun = {
  name: "policy",
  summary: "Who may talk to whom: check, apply, on trial too",
  connection: "romanad",
  commands: [add, list, show, remove, check, apply, confirm, trials, policyMatrix],
};

function withoutState({
  revision: _r,
  state: _s,
  missing: _m,
  ...rest
}: PolicyResource): Omit<PolicyResource, "revision" | "state" | "missing"> {
  return rest;
}

function distinct(words: readonly string[]): string {
  return [...new Set(words)].join(", ");
}
