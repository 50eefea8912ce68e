/**
 * The header in which a server's answers name the newest release of the program that it knows of
 * (docs/adr/0019-update-notice.md).
 */
export const LATEST_VERSION_HEADER = 'cloud-latest-version';

/** A release: three numbers, and nothing that a terminal could take for something else. */
export const RELEASE = /^\d{1,5}\.\d{1,5}\.\d{1,5}$/;
