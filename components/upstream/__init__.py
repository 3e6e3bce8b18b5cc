"""Third-party installs: fetched and verified (`source`), shaped (`objects`), registered (`install`)."""
