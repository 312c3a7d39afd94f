//! cancel-replace, with its table of partial successes (Binance Spot API docs, "Cancel an Existing
//! Order and Send a New Order").

use serde_json::{Value, json};

use super::Call;
use super::orders::{client_id, detail, new_order, order_ref, restriction};
use super::render;
use crate::core::Core;
use crate::model::{
    CancelOrder, CancelReplace, CancelReplaceMode, CancelReplaced, Half, Refusal, Time,
};
use crate::wire::ApiError;

pub fn cancel_replace(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let params = call.params;
    let account = call.account()?;
    let mode = CancelReplaceMode::parse(params.required("cancelReplaceMode")?)
        .ok_or_else(|| ApiError::illegal("cancelReplaceMode", "STOP_ON_FAILURE,ALLOW_FAILURE"))?;
    let new_order = new_order(params)?;
    let detail = detail(params, new_order.order_type)?;
    let cancel = CancelOrder {
        order: order_ref(params, "cancelOrderId", "cancelOrigClientOrderId")?,
        new_client_order_id: client_id(params, "cancelNewClientOrderId")?,
        restriction: restriction(params)?,
    };
    let over_limit = over_limit(core, call)?;
    let request = CancelReplace {
        mode,
        cancel,
        new_order,
        over_limit,
    };
    let over = request.over_limit.is_some();
    let replaced = core
        .model
        .borrow_mut()
        .cancel_replace(account, &request, Time(call.now_us))?;
    let body = halves(
        &replaced,
        |one| render::canceled(one, call.unit),
        |one| render::placed(one, detail, call.unit),
    );
    let Some(refusal) = replaced.error() else {
        return Ok(body.to_string());
    };
    let mut error = ApiError::from(refusal);
    let partial = error.code == -2021;
    error.status = match (over, mode) {
        (true, CancelReplaceMode::StopOnFailure) => 429,
        _ if partial => 409,
        _ => 400,
    };
    error.data = Some(body);
    Err(error)
}

/// Counts the order; when the account is over its limit, `CANCEL_ONLY` goes on without the new order.
fn over_limit(core: &Core, call: &Call<'_>) -> Result<Option<Refusal>, ApiError> {
    let cancel_only = match call.params.get("orderRateLimitExceededMode") {
        None | Some("DO_NOTHING") => false,
        Some("CANCEL_ONLY") => true,
        Some(_) => {
            return Err(ApiError::illegal(
                "orderRateLimitExceededMode",
                "DO_NOTHING,CANCEL_ONLY",
            ));
        }
    };
    match core
        .limits
        .borrow_mut()
        .count_orders(call.account()?, 1, call.now_us)
    {
        Ok(()) => Ok(None),
        Err(error) if cancel_only => Ok(Some(Refusal {
            message: error.msg,
            ..Refusal::fixed(error.code, "")
        })),
        Err(error) => Err(error),
    }
}

fn half<T>(half: &Half<T>, success: impl Fn(&T) -> Value) -> Value {
    match half {
        Half::Success(one) => success(one),
        Half::Failure(refusal) => json!({"code": refusal.code, "msg": refusal.message}),
        Half::NotAttempted => Value::Null,
    }
}

fn halves(
    replaced: &CancelReplaced,
    cancel: impl Fn(&crate::model::Canceled) -> Value,
    placed: impl Fn(&crate::model::Placed) -> Value,
) -> Value {
    json!({
        "cancelResult": replaced.cancel.as_str(),
        "newOrderResult": replaced.new_order.as_str(),
        "cancelResponse": half(&replaced.cancel, cancel),
        "newOrderResponse": half(&replaced.new_order, placed),
    })
}
