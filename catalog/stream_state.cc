#include "catalog/stream_state.h"
