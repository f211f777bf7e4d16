import { type BodyOf, type CONTRACT, encodeTenant, type ResultOf } from "../../schema/index.ts";
import type { Noun, Option } from "../command.ts";
import { bodiesOf } from "../create.ts";
import { LABEL_OPTION, labelsColumn, labelsOf, NO_LABELS_OPTION } from "../labels.ts";
import {
  changeOptions,
  DELETE_OPTIONS,
  deleteCommand,
  deleteQuery,
  FILE_OPTION,
  listAll,
  listResult,
  outcomeResult,
  REVISION_OPTION,
  type Resource,
  showResult,
} from "../resource.ts";
import { patchOf } from "../words.ts";

const TENANT: Resource<ResultOf<typeof CONTRACT.getTenant>> = {
  noun: "tenant",
  columns: [
    { title: "name", value: ({ name }) => name },
    { title: "id", value: ({ id }) => id, align: "right" },
    { title: "isolation", value: ({ isolation }) => isolation },
    { title: "quota", value: ({ quota }) => quota, align: "right" },
    { title: "external ID", value: ({ externalId }) => externalId, wide: true },
    labelsColumn(),
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (tenant) => ({ ...encodeTenant(tenant), revision: tenant.revision }),
};

const ISOLATION: Option = {
  name: "isolation",
  value: "WHO",
  summary: "Who may reach its endpoints: the same segment, the same tenant, or everybody (none)",
  choices: ["segment", "tenant", "none"],
};

const QUOTA: Option = {
  name: "quota",
  value: "NUMBER",
  kind: "integer",
  summary: "Most endpoints over all hosts and networks",
};

const EXTERNAL_ID: Option = {
  name: "external-id",
  value: "TEXT",
  summary: "Its identifier in the orchestrator",
};

/** `romana tenant`. */
export const tenant: Noun = {
  name: "tenant",
  summary: "Owners: IDs, isolation, quotas",
  connection: "romanad",
  commands: [
    {
      verb: "create",
      summary: "Create a tenant, or those of a file",
      arguments: [{ name: "name", summary: "Name of the tenant", optional: true }],
      options: [
        { name: "id", value: "NUMBER", kind: "integer", summary: "Its ID; assigned when left out" },
        ISOLATION,
        QUOTA,
        EXTERNAL_ID,
        LABEL_OPTION,
        FILE_OPTION,
      ],
      examples: [
        "romana tenant create shop",
        "romana tenant create bank --id 2 --isolation tenant --quota 500",
        "romana tenant create -f tenants.yaml",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const { bodies, single } = bodiesOf<BodyOf<typeof CONTRACT.createTenant>>(input, "name", (name) => ({
          name,
          ...patchOf({
            id: input.integer("id"),
            isolation: input.text("isolation") as "segment" | undefined,
            quota: input.integer("quota"),
            externalId: input.text("external-id"),
            labels: labelsOf(input),
          }),
        }));
        const outcomes = [];
        for (const body of bodies) {
          const { status, result } = await client.callWithStatus("createTenant", { body });
          outcomes.push({ status, object: result });
        }
        return outcomeResult(TENANT, outcomes, single);
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the tenants",
      examples: ["romana tenant list", "romana tenant list -o yaml"],
      run: async (_, context) => {
        const client = await context.client();
        return listResult(TENANT, await listAll((query) => client.call("listTenants", { query })));
      },
    },
    {
      verb: "show",
      summary: "Show a tenant",
      arguments: [{ name: "name", summary: "Name of the tenant", complete: "tenant" }],
      examples: ["romana tenant show shop"],
      run: async (input, context) => {
        const client = await context.client();
        const params = { tenant: input.argument("name") };
        return showResult(TENANT, await client.call("getTenant", { params }));
      },
    },
    {
      verb: "update",
      summary: "Change isolation, quota, external ID or labels of a tenant",
      arguments: [{ name: "name", summary: "Name of the tenant", complete: "tenant" }],
      options: [
        ISOLATION,
        QUOTA,
        { name: "no-quota", summary: "Take the quota away" },
        EXTERNAL_ID,
        { name: "no-external-id", summary: "Take the external ID away" },
        LABEL_OPTION,
        NO_LABELS_OPTION,
        REVISION_OPTION,
      ],
      examples: [
        "romana tenant update shop --isolation tenant",
        "romana tenant update shop --quota 1000 --external-id ns/shop",
        "romana tenant update shop --no-quota",
        "romana tenant update shop --label env=prod",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const body = patchOf({
          isolation: input.text("isolation") as "segment" | undefined,
          quota: input.flag("no-quota") ? null : input.integer("quota"),
          externalId: input.flag("no-external-id") ? null : input.text("external-id"),
          labels: labelsOf(input, true),
        });
        const params = { tenant: input.argument("name") };
        const object = await client.call("updateTenant", { params, body }, changeOptions(input));
        return outcomeResult(TENANT, [{ object }], true);
      },
    },
    deleteCommand(
      "tenant",
      "tenant",
      DELETE_OPTIONS,
      ["romana tenant delete shop", "romana tenant delete shop --cascade --dry-run"],
      (client, name, input) =>
        client.call(
          "deleteTenant",
          { params: { tenant: name }, query: deleteQuery(input) },
          changeOptions(input),
        ),
    ),
  ],
};
