/*
 * romana-cni: the plugin's compiled JavaScript, and the five functions that it needs of a process. With COMPILER this is
 * the compiler instead: a script on standard input, its bytecode as a C array on standard output.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "quickjs.h"

/* Bytes that grow. */
typedef struct {
  char *bytes;
  size_t length, capacity;
} Buffer;

/* Reads to the end; returns 0, or an error number. */
static int read_all(int fd, Buffer *buffer) {
  for (;;) {
    if (buffer->length == buffer->capacity) {
      size_t capacity = buffer->capacity == 0 ? 16384 : buffer->capacity * 2;
      char *bytes = realloc(buffer->bytes, capacity);
      if (bytes == NULL) return ENOMEM;
      buffer->bytes = bytes;
      buffer->capacity = capacity;
    }
    ssize_t count = read(fd, buffer->bytes + buffer->length, buffer->capacity - buffer->length);
    if (count == 0) return 0;
    if (count < 0 && errno != EINTR) return errno;
    if (count > 0) buffer->length += count;
  }
}

static JSContext *new_context(void) {
  JSRuntime *runtime = JS_NewRuntime();
  JSContext *context = runtime == NULL ? NULL : JS_NewContextRaw(runtime);
  if (context == NULL) {
    fputs("romana-cni: out of memory\n", stderr);
    exit(1);
  }
  JS_AddIntrinsicBaseObjects(context);
  JS_AddIntrinsicRegExp(context);
  JS_AddIntrinsicJSON(context);
  JS_AddIntrinsicMapSet(context);
  JS_AddIntrinsicPromise(context);
  return context;
}

static void print_exception(JSContext *context) {
  JSValue exception = JS_GetException(context);
  const char *text = JS_ToCString(context, exception);
  fprintf(stderr, "romana-cni: %s\n", text == NULL ? "an error" : text);
}

#ifdef COMPILER

int main(void) {
  Buffer script = {0};
  int error = read_all(STDIN_FILENO, &script);
  JSContext *context = new_context();
  JS_AddIntrinsicEval(context);
  JS_AddIntrinsicRegExpCompiler(context);
  /* The end of a script must be a zero. */
  char *text = error != 0 ? NULL : calloc(1, script.length + 1);
  if (text == NULL) return 1;
  memcpy(text, script.bytes, script.length);
  JSValue code = JS_Eval(context, text, script.length, "romana-cni", JS_EVAL_FLAG_COMPILE_ONLY);
  size_t size = 0;
  uint8_t *bytes =
      JS_IsException(code) ? NULL : JS_WriteObject(context, &size, code, JS_WRITE_OBJ_BYTECODE);
  if (bytes == NULL) {
    print_exception(context);
    return 1;
  }
  printf("static const unsigned char program[] = {");
  for (size_t index = 0; index < size; index++) printf("%s%u,", index % 20 == 0 ? "\n" : "", bytes[index]);
  puts("\n};");
  return 0;
}

#else

#include "program.h"

/* Longer than the agent takes for anything. */
#define TIMEOUT_SECONDS 90

static int exit_code = 1;

static const char *errno_name(int error) {
  const char *name = strerrorname_np(error);
  return name == NULL ? "EIO" : name;
}

static JSValue throw_errno(JSContext *context, int error) {
  return JS_ThrowInternalError(context, "%s", errno_name(error));
}

static JSValue environment(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  const char *name = JS_ToCString(context, arguments[0]);
  if (name == NULL) return JS_EXCEPTION;
  const char *value = getenv(name);
  JS_FreeCString(context, name);
  return value == NULL ? JS_UNDEFINED : JS_NewString(context, value);
}

static JSValue read_input(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  Buffer input = {0};
  int error = read_all(STDIN_FILENO, &input);
  if (error != 0) return throw_errno(context, error);
  return JS_NewStringLen(context, input.bytes, input.length);
}

/* Returns 0, or an error number. */
static int write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t count = write(fd, bytes, length);
    if (count < 0 && errno != EINTR) return errno;
    if (count > 0) {
      bytes += count;
      length -= count;
    }
  }
  return 0;
}

static JSValue write_output(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  size_t length;
  const char *text = JS_ToCStringLen(context, &length, arguments[0]);
  if (text == NULL) return JS_EXCEPTION;
  int error = write_all(STDOUT_FILENO, text, length);
  JS_FreeCString(context, text);
  return error == 0 ? JS_UNDEFINED : throw_errno(context, error);
}

static int set_timeout(int fd, int option) {
  struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
  return setsockopt(fd, SOL_SOCKET, option, &timeout, sizeof timeout);
}

/* Returns 0 with the answer, or an error number. */
static int exchange_bytes(const char *path, const char *text, size_t length, Buffer *answer) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return ENAMETOOLONG;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = set_timeout(fd, SO_RCVTIMEO) < 0 || set_timeout(fd, SO_SNDTIMEO) < 0 ? errno : 0;
  if (error == 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) error = errno;
  if (error == 0) error = write_all(fd, text, length);
  if (error == 0) error = read_all(fd, answer);
  close(fd);
  return error == EAGAIN ? ETIMEDOUT : error;
}

static JSValue exchange(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  size_t length;
  const char *path = JS_ToCString(context, arguments[0]);
  const char *text = JS_ToCStringLen(context, &length, arguments[1]);
  if (path == NULL || text == NULL) return JS_EXCEPTION;
  Buffer answer = {0};
  int error = exchange_bytes(path, text, length, &answer);
  JS_FreeCString(context, path);
  JS_FreeCString(context, text);
  JSValue result = JS_NewObject(context);
  if (error == 0) {
    JS_SetPropertyStr(context, result, "text", JS_NewStringLen(context, answer.bytes, answer.length));
  } else {
    JS_SetPropertyStr(context, result, "failure", JS_NewString(context, errno_name(error)));
  }
  free(answer.bytes);
  return result;
}

static JSValue set_exit_code(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  return JS_ToInt32(context, &exit_code, arguments[0]) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

static const JSCFunctionListEntry FUNCTIONS[] = {
    JS_CFUNC_DEF("environment", 1, environment),
    JS_CFUNC_DEF("readInput", 0, read_input),
    JS_CFUNC_DEF("exchange", 2, exchange),
    JS_CFUNC_DEF("writeOutput", 1, write_output),
    JS_CFUNC_DEF("setExitCode", 1, set_exit_code),
};

int main(void) {
  JSContext *context = new_context();
  JSValue native = JS_NewObject(context);
  JS_SetPropertyFunctionList(context, native, FUNCTIONS, sizeof FUNCTIONS / sizeof FUNCTIONS[0]);
  JSValue global = JS_GetGlobalObject(context);
  JS_SetPropertyStr(context, global, "native", native);
  JSValue code = JS_ReadObject(context, program, sizeof program, JS_READ_OBJ_BYTECODE);
  JSValue value = JS_IsException(code) ? code : JS_EvalFunction(context, code);
  int pending = JS_IsException(value) ? -1 : 1;
  while (pending > 0) pending = JS_ExecutePendingJob(JS_GetRuntime(context), &context);
  if (pending < 0) {
    print_exception(context);
    exit_code = 1;
  }
  /* The kernel takes the memory back faster than we could give it. */
  fflush(stderr);
  _exit(exit_code);
}

#endif
