/** Versions of the CNI specification that the plugin speaks, oldest first. 0.3.0 and 0.3.1 differ in a misprint only. */
export const SUPPORTED_VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

/** A version of the specification that the plugin speaks. */
export type CniVersion = (typeof SUPPORTED_VERSIONS)[number];

/** What is spoken where nobody says which version. */
export const NEWEST_VERSION: CniVersion = "1.1.0";

/** True for a version that the plugin speaks. */
export function isSupported(version: unknown): version is CniVersion {
  return SUPPORTED_VERSIONS.some((supported) => supported === version);
}

/** True when the version is that one or a later one. */
export function isSince(version: CniVersion, first: CniVersion): boolean {
  return SUPPORTED_VERSIONS.indexOf(version) >= SUPPORTED_VERSIONS.indexOf(first);
}
