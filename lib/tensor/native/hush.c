/* Silences file descriptor 2 while TensorFlow loads: it logs there before any of its log settings is heard. */
#include <fcntl.h>
#include <node_api.h>
#include <stdio.h>
#include <unistd.h>

static int kept = -1;

/* Sends what is written to standard error to nowhere, until `unhush`. Calls do not nest. */
static napi_value hush(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  if (kept >= 0) return NULL;
  fflush(stderr);
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return NULL;
  kept = fcntl(2, F_DUPFD_CLOEXEC, 3);
  if (kept >= 0) dup2(nowhere, 2);
  close(nowhere);
  return NULL;
}

static napi_value unhush(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  if (kept < 0) return NULL;
  fflush(stderr);
  dup2(kept, 2);
  close(kept);
  kept = -1;
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "hush", NAPI_AUTO_LENGTH, hush, NULL, &function);
  napi_set_named_property(env, exports, "hush", function);
  napi_create_function(env, "unhush", NAPI_AUTO_LENGTH, unhush, NULL, &function);
  napi_set_named_property(env, exports, "unhush", function);
  return exports;
}
