/** The file that must be the same on both sides; it also never changes, so that not all files can. */
export const ACCESS_FILE = '.cloud-access';
export const ACCESS_CONTENT =
  'cloud looks for this file to know that it reached the right place.\n';

/** Names of our own that are never synced begin like this; no rule changes that. */
export const OWN_PREFIX = '.cloud-';
