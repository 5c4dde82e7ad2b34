/** What a log may be called on its server: 1 to 63 of a-z, 0-9 and `-`, the first no `-`. It names a folder and a part of URLs. */
export const LOG_NAME: RegExp = /^[a-z0-9][a-z0-9-]{0,62}$/;
