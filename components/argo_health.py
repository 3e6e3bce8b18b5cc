"""What Argo CD calls healthy: served, and nothing less.

Scripts of ours although Argo CD brings some for both kinds: these do not change with its version, and they differ. A
certificate that is renewed goes on serving, so it stays healthy; a proxy that is refused says which of its parts is.
Degraded is said only of what has failed: a sync that meets it gives up, where it waits for what is progressing.
https://argo-cd.readthedocs.io/en/release-3.2/operator-manual/health/#custom-health-checks
"""

from typing import Final

HTTP_PROXY: Final = """\
local health = {status = "Progressing", message = "Waiting for Contour"}
local status = obj.status or {}
local valid = nil
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Valid" then valid = condition end
end
-- What Contour said of an older spec is no word on this one.
if valid ~= nil and valid.observedGeneration ~= obj.metadata.generation then
  return health
end
if status.currentStatus == "valid" then
  health.status = "Healthy"
  health.message = status.description
elseif status.currentStatus == "invalid" or status.currentStatus == "orphaned" then
  health.status = "Degraded"
  health.message = status.description
  local errors = {}
  for _, problem in ipairs(valid ~= nil and valid.errors or {}) do
    errors[#errors + 1] = problem.message
  end
  if #errors > 0 then health.message = table.concat(errors, "; ") end
end
return health
"""

CERTIFICATE: Final = """\
local health = {status = "Progressing", message = "Waiting for cert-manager"}
local ready, issuing = nil, nil
for _, condition in ipairs((obj.status or {}).conditions or {}) do
  if condition.type == "Ready" then ready = condition end
  if condition.type == "Issuing" then issuing = condition end
end
if ready == nil then
  return health
end
-- What cert-manager said of an older spec is no word on this one.
if ready.observedGeneration ~= nil and ready.observedGeneration ~= obj.metadata.generation then
  return health
end
health.message = ready.message
if ready.status == "True" then
  health.status = "Healthy"
elseif issuing ~= nil and issuing.status == "True" then
  health.message = issuing.message
elseif issuing ~= nil then
  health.status = "Degraded"
  health.message = issuing.message
elseif ready.reason ~= "DoesNotExist" then
  -- Without a secret and without an attempt, it was made a moment ago.
  health.status = "Degraded"
end
return health
"""


def health_checks() -> dict[str, str]:
    """The keys of argocd-cm that hold the scripts, by group and kind."""
    return {
        "resource.customizations.health.projectcontour.io_HTTPProxy": HTTP_PROXY,
        "resource.customizations.health.cert-manager.io_Certificate": CERTIFICATE,
    }
