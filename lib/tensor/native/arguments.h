/* Between JavaScript and C++: arguments of a call, errors, objects that JavaScript's garbage collector frees. */
#pragma once
#include <node_api.h>

#include <new>
#include <stdexcept>
#include <string>

/* Arguments of one call, and the errors that reading them may throw. */
class Arguments {
public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) { napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr); }

  napi_value operator[](size_t i) const { return values_[i]; }

  double number(napi_value value) const {
    double out;
    if (napi_get_value_double(env_, value, &out) != napi_ok) throw std::invalid_argument("expected a number");
    return out;
  }

  bool flag(napi_value value) const {
    bool out;
    if (napi_get_value_bool(env_, value, &out) != napi_ok) throw std::invalid_argument("expected a boolean");
    return out;
  }

  bool absent(napi_value value) const {
    napi_valuetype type;
    napi_typeof(env_, value, &type);
    return type == napi_undefined || type == napi_null;
  }

  napi_value field(napi_value object, const char *name) const {
    napi_value out;
    if (napi_get_named_property(env_, object, name, &out) != napi_ok) throw std::invalid_argument(std::string("expected ") + name);
    return out;
  }

  /* The numbers of a typed array; null for an absent one. */
  template <typename T> T *array(napi_value value, napi_typedarray_type wanted, double atLeast) const {
    if (absent(value)) return nullptr;
    napi_typedarray_type type;
    size_t length;
    void *data;
    if (napi_get_typedarray_info(env_, value, &type, &length, &data, nullptr, nullptr) != napi_ok || type != wanted || length < atLeast)
      throw std::invalid_argument("expected a typed array of " + std::to_string(static_cast<int64_t>(atLeast)) + " numbers");
    return static_cast<T *>(data);
  }
  float *floats(napi_value value, double atLeast) const { return array<float>(value, napi_float32_array, atLeast); }

  template <typename T> T *handle(napi_value value) const {
    void *out;
    if (napi_get_value_external(env_, value, &out) != napi_ok) throw std::invalid_argument("expected a handle");
    return static_cast<T *>(out);
  }

private:
  napi_env env_;
  size_t count_ = 16;
  napi_value values_[16];
};

inline napi_value numberValue(napi_env env, double number) {
  napi_value out;
  napi_create_double(env, number, &out);
  return out;
}

/* Turns C++'s exceptions into JavaScript's. */
template <napi_value (*BODY)(napi_env, const Arguments &)> napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return BODY(env, Arguments(env, info));
  } catch (const std::bad_alloc &) {
    napi_throw_error(env, nullptr, "kernels: expected enough memory, got none left");
  } catch (const std::exception &error) {
    napi_throw_error(env, nullptr, (std::string("internal: kernels: ") + error.what()).c_str());
  }
  return nullptr;
}

inline void addFunction(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

/* A C++ object that JavaScript's garbage collector frees. */
template <typename T> napi_value create(napi_env env, const Arguments &) {
  napi_value out;
  napi_create_external(env, new T, [](napi_env, void *data, void *) { delete static_cast<T *>(data); }, nullptr, &out);
  return out;
}

/* Frees what the object holds, at once; an empty one stays behind its handle. */
template <typename T> napi_value clear(napi_env, const Arguments &args) {
  T *object = args.handle<T>(args[0]);
  object->~T();
  new (object) T;
  return nullptr;
}
