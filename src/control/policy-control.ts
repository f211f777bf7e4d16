import type { Exception, KnownPolicy, Policy } from "../model/index.ts";
import type {
  ChangeOptions,
  Created,
  DeleteOptions,
  Deletion,
  ItemPage,
  PageRequest,
  Versioned,
} from "./listing.ts";

/** A policy with what it names and is not there; nothing: it is in force as a whole. */
export interface PolicyDetails {
  readonly policy: KnownPolicy;
  /** Sentences such as `there is no tenant "shop"`. */
  readonly missing: readonly string[];
}

/** Options of a creation or a replacement. */
export interface PolicyOptions {
  /** Take a policy that names tenants or segments that are not there; it waits for them. */
  readonly pending?: boolean;
}

/** Several policies that shall be as given, and how. */
export interface PolicyApplication extends PolicyOptions {
  readonly policies: readonly Policy[];
  /** Only say what would change. */
  readonly dryRun?: boolean;
  /** Take everything back unless the trial is confirmed within so many milliseconds. */
  readonly confirmWithin?: number;
}

/** What an application did, or would do, to one policy. */
export interface PolicyChange {
  readonly id: string;
  readonly action: "created" | "changed" | "unchanged";
  /** As it was; absent when it was not there, or could not be read. */
  readonly before?: Policy;
  readonly after: Policy;
}

/** What an application did, or would do. */
export interface PolicyChanges {
  readonly dryRun: boolean;
  readonly changes: readonly PolicyChange[];
  /** The trial that the changes are on. */
  readonly trial?: PolicyTrial;
}

/** Changes that are taken back at the deadline unless somebody confirms them. */
export interface PolicyTrial {
  readonly id: string;
  /** In milliseconds since 1970 UTC. */
  readonly deadline: number;
  /** IDs of the policies that the trial is about. */
  readonly policies: readonly string[];
  /** Its record cannot be read: nothing is taken back. The deadline is 0, and no policy is named. */
  readonly damaged?: true;
}

/** Who may talk to whom. */
export interface Policies {
  /**
   * Takes the place of one that cannot be read.
   * @throws RomanaError `invalid-input` when it names somebody unknown and may not wait; `conflict`.
   */
  create(policy: Policy, options?: PolicyOptions): Promise<Created<PolicyDetails>>;
  get(id: string): Promise<Versioned<PolicyDetails>>;
  list(page?: PageRequest): Promise<ItemPage<PolicyDetails>>;
  /** The policy becomes this one. @throws RomanaError `not-found`, `revision-mismatch`, and as `create`. */
  replace(
    id: string,
    policy: Policy,
    options?: PolicyOptions & ChangeOptions,
  ): Promise<Versioned<PolicyDetails>>;
  delete(id: string, options?: DeleteOptions): Promise<Deletion>;
  /**
   * Makes several policies as given, all or none.
   * @throws RomanaError as `create`, for too many at once, and for a trial of what cannot be read and so not taken back.
   */
  apply(application: PolicyApplication): Promise<PolicyChanges>;
  trials(): Promise<readonly PolicyTrial[]>;
  /** The changes of the trial stay; so ends one that cannot be read. @throws RomanaError `not-found`: it was confirmed or taken back already. */
  confirm(trial: string): Promise<PolicyTrial>;
}

/** Endpoints that policies take for members of another segment than their address says. */
export interface Exceptions {
  list(page?: PageRequest): Promise<ItemPage<Exception>>;
  /** How many there are, as far as this process knows. */
  count(): number;
}
