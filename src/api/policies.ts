import type { Control, PolicyTrial } from "../control/index.ts";
import {
  encodeAllCounters,
  encodeExceptionResource,
  encodePolicy,
  encodePolicyCounters,
  encodePolicyDetails,
} from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodePage, objectAnswer } from "./answer.ts";
import type { Handlers } from "./operation.ts";

/** Milliseconds of a second. */
const SECOND = 1000;

/** Operations on policies and exceptions. */
export function policyHandlers({
  policies,
  exceptions,
  status,
}: Control): Handlers<
  | "listPolicies"
  | "createPolicy"
  | "getPolicy"
  | "replacePolicy"
  | "deletePolicy"
  | "getPolicyCounters"
  | "getCounters"
  | "applyPolicies"
  | "listPolicyTrials"
  | "confirmPolicyTrial"
  | "listExceptions"
> {
  return {
    async listPolicies({ query }) {
      return { body: encodePage(await policies.list(query), encodePolicyDetails) };
    },
    async createPolicy({ body, query }) {
      const created = await policies.create(body, query);
      return creationAnswer(created, encodePolicyDetails, `/v1/policies/${body.id}`);
    },
    async getPolicy({ params }) {
      return objectAnswer(await policies.get(params.policy), encodePolicyDetails);
    },
    async replacePolicy({ params, body, query, change }) {
      const replaced = await policies.replace(params.policy, body, { ...query, ...change });
      return objectAnswer(replaced, encodePolicyDetails);
    },
    async deletePolicy({ params, query, change }) {
      return deletionAnswer(await policies.delete(params.policy, { ...query, ...change }));
    },
    async getPolicyCounters({ params: { policy } }) {
      const { object } = await policies.get(policy);
      const counters = await status.counters(object.policy.id);
      return { body: encodePolicyCounters(counters.policies[0] ?? { policy, rules: [] }) };
    },
    async getCounters() {
      return { body: encodeAllCounters(await status.counters()) };
    },
    async applyPolicies({ body: { confirmWithin, ...application } }) {
      const { dryRun, changes, trial } = await policies.apply({
        ...application,
        ...(confirmWithin !== undefined && { confirmWithin: confirmWithin * SECOND }),
      });
      return {
        body: {
          dryRun,
          changes: changes.map(({ id, action, before, after }) => ({
            id,
            action,
            ...(before !== undefined && { before: encodePolicy(before) }),
            after: encodePolicy(after),
          })),
          ...(trial !== undefined && { trial: encodeTrial(trial) }),
        },
      };
    },
    async listPolicyTrials() {
      return { body: { items: (await policies.trials()).map(encodeTrial) } };
    },
    async confirmPolicyTrial({ params }) {
      return { body: encodeTrial(await policies.confirm(params.trial)) };
    },
    async listExceptions({ query }) {
      return { body: encodePage(await exceptions.list(query), encodeExceptionResource) };
    },
  };
}

function encodeTrial({ id, deadline, policies, damaged }: PolicyTrial): {
  id: string;
  deadline: number;
  policies: string[];
  damaged?: true;
} {
  return { id, deadline, policies: [...policies], ...(damaged && { damaged }) };
}
