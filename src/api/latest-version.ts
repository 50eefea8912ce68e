import { LATEST_VERSION_HEADER, RELEASE } from './contract/latest-version.ts';

let heard: string | undefined;

/** Takes what an answer of our server says of the newest release; what is no release is nothing. */
export function hearLatestVersion(headers: NodeJS.Dict<string | string[]>): void {
  const value = headers[LATEST_VERSION_HEADER];
  if (typeof value === 'string' && RELEASE.test(value)) heard = value;
}

/** What this process heard last. */
export function heardLatestVersion(): string | undefined {
  return heard;
}
